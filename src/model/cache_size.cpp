#include "model/cache_size.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace llm {
namespace {

constexpr int kMaxLayers = 4096;

/// One number for all layers, or a list with one for each.
std::vector<std::int64_t> per_layer(const gguf::Metadata& metadata, const std::string& key,
                                    std::size_t layers, std::int64_t otherwise) {
  const gguf::Value* value = metadata.find(key);
  if (value && value->type() == gguf::ValueType::array) {
    const auto list = metadata.need<std::vector<std::int32_t>>(key);
    std::vector<std::int64_t> out(list.begin(), list.end());
    out.resize(layers, out.empty() ? otherwise : out.back());
    return out;
  }
  return std::vector<std::int64_t>(layers, value ? metadata.need<std::int64_t>(key) : otherwise);
}

double size_of(quant::Type type, std::int64_t values) {
  const auto& traits = quant::traits(type);
  return static_cast<double>(values) * traits.block_bytes / traits.block_length;
}

}  // namespace

double CacheBytes::all() const {
  return std::accumulate(layers.begin(), layers.end(), 0.0);
}

CacheBytes cache_bytes_per_token(const gguf::Metadata& metadata, quant::Type key_type,
                                 quant::Type value_type) {
  const auto family = metadata.get_or<std::string>("general.architecture", "");
  const auto number = [&](const char* name, std::int64_t otherwise) {
    return metadata.get_or<std::int64_t>(family + name, otherwise);
  };
  const auto layers =
      static_cast<std::size_t>(std::clamp<std::int64_t>(number(".block_count", 0), 0, kMaxLayers));
  CacheBytes bytes{.layers = std::vector<double>(layers)};
  if (!metadata.get_or<bool>(family + ".attention.causal", true)) return bytes;
  const auto heads = per_layer(metadata, family + ".attention.head_count", layers, 1);
  const auto width = number(".embedding_length", 0);
  for (std::size_t i = 0; i < layers; ++i) {
    const auto head = width / std::max<std::int64_t>(heads[i], 1);
    const auto kv_heads =
        per_layer(metadata, family + ".attention.head_count_kv", layers, heads[i])[i];
    const auto key = number(".attention.key_length", head);
    const auto value = number(".attention.value_length", head);
    bytes.layers[i] =
        static_cast<double>(kv_heads) * (size_of(key_type, key) + size_of(value_type, value));
  }
  return bytes;
}

}  // namespace llm
