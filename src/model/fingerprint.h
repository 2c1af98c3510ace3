// Tells models apart by what their cached keys and values depend on.
#pragma once

#include <cstdint>

#include "gguf/reader.h"
#include "model/model.h"

namespace llm {

/// Of the hyper-parameters (overrides included), the vocabulary, every tensor's name, type, shape
/// and some of its bytes, and the options that change positions. Names and texts about the model do
/// not count, so that a copy or a renamed file is the same model.
std::uint64_t fingerprint_of(const gguf::File& file, const LoadOptions& options);

}  // namespace llm
