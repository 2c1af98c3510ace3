#include "compute/kv_pool.h"

#include "base/error.h"

namespace llm::compute {

int padded_dim(quant::Type type, int dim) {
  const int unit = quant::traits(type).block_length > 1 ? 32 : 16;
  return (dim + unit - 1) / unit * unit;
}

std::int64_t KvLayout::key_bytes(const Layer& layer) const {
  return kPageTokens * quant::row_bytes(key_type, padded_dim(key_type, layer.key_dim));
}

std::int64_t KvLayout::value_bytes(const Layer& layer) const {
  return kPageTokens * quant::row_bytes(value_type, padded_dim(value_type, layer.value_dim));
}

std::int64_t KvLayout::page_bytes() const {
  std::int64_t bytes = 0;
  for (const Layer& layer : layers) {
    bytes += layer.kv_heads * (key_bytes(layer) + value_bytes(layer));
  }
  return bytes;
}

void check_cache_type(quant::Type type) {
  const quant::Traits& traits = quant::traits(type);
  const bool fits = traits.block_length == 1 || traits.block_length == 32;
  if (!fits || traits.quantize == nullptr || traits.dequantize == nullptr) {
    fail(
        "the key/value cache cannot be kept as {}; use f32, f16, bf16, q8_0, q4_0, q4_1, iq4_nl, "
        "q5_0 or q5_1",
        traits.name);
  }
}

}  // namespace llm::compute
