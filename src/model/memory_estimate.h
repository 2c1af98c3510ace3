// What a model will take, from the head of its file alone.
#pragma once

#include <cstdint>
#include <string>

#include "quant/type.h"

namespace llm {

struct CacheWish {
  int context = 0;  // tokens over all slots; 0: as the model was trained
  quant::Type key_type = quant::Type::f16, value_type = quant::Type::f16;
};

/// Bytes of the weights (all parts of a split file) and of the KV cache. Nothing is loaded; the
/// cache of families with unusual attention is only near. Error as gguf::File::open.
std::uint64_t estimate_memory(const std::string& path, const CacheWish& wish);

}  // namespace llm
