// What `general.file_type` means, in the words that people know.
#pragma once

#include <string>

#include "gguf/reader.h"

namespace llm {

/// "Q4_K - Medium"; guessed from the tensors, and marked so, where the file does not say.
std::string file_type_name(const gguf::File& file);

}  // namespace llm
