// What the keys and values of a model take, from the head of its file alone.
#pragma once

#include <vector>

#include "gguf/reader.h"
#include "quant/type.h"

namespace llm {

struct CacheBytes {
  std::vector<double> layers;  // bytes of one token in each layer
  double all() const;
};

/// The cache of families with unusual attention is only near; all 0 for models that keep none.
CacheBytes cache_bytes_per_token(const gguf::Metadata& metadata, quant::Type key_type,
                                 quant::Type value_type);

}  // namespace llm
