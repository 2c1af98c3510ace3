// From ids back to text.
#pragma once

#include <string>

#include "tokenizer/vocabulary.h"

namespace llm {

/// The bytes of a valid token; control and unknown tokens only when shown.
std::string piece_of(const Vocabulary& vocabulary, TokenId token, bool show_special);

/// Undoes spaces that old English tokenisations put before punctuation and contractions.
void clean_spaces(std::string& text);

}  // namespace llm
