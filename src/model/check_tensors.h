// What --check-tensors asks for: a look at every weight before the model is used.
#pragma once

#include "gguf/reader.h"

namespace llm {

/// Expands every tensor row by row. Throws Error naming the first tensor and row that hold a value
/// which is not a finite number. Reads the whole file.
void check_tensors(const gguf::File& file);

}  // namespace llm
