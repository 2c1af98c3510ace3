// What a Tokenizer is made of; made by load.cpp, used by tokenizer.cpp.
#pragma once

#include <memory>

#include "tokenizer/special_matcher.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace llm {

struct Tokenizer::State {
  Vocabulary vocabulary;
  std::unique_ptr<const TextModel> model;  // null: the vocabulary has no text
  std::unique_ptr<const SpecialMatcher> special;
};

}  // namespace llm
