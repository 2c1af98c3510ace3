#include "model/memory_estimate.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "gguf/reader.h"

namespace llm {
namespace {

constexpr int kMaxLayers = 4096;

/// One number for all layers, or a list with one for each.
std::vector<std::int64_t> per_layer(const gguf::Metadata& metadata, const std::string& key,
                                    int layers, std::int64_t otherwise) {
  const auto count = static_cast<std::size_t>(layers);
  const gguf::Value* value = metadata.find(key);
  if (value && value->type() == gguf::ValueType::array) {
    const auto list = metadata.need<std::vector<std::int32_t>>(key);
    std::vector<std::int64_t> out(list.begin(), list.end());
    out.resize(count, out.empty() ? otherwise : out.back());
    return out;
  }
  return std::vector<std::int64_t>(count, value ? metadata.need<std::int64_t>(key) : otherwise);
}

/// Bytes of the keys and values of one token in all layers.
double bytes_per_token(const gguf::Metadata& metadata, const std::string& family,
                       const CacheWish& wish) {
  const auto number = [&](const char* name, std::int64_t otherwise) {
    return metadata.get_or<std::int64_t>(family + name, otherwise);
  };
  const auto layers = std::clamp<std::int64_t>(number(".block_count", 0), 0, kMaxLayers);
  const auto heads =
      per_layer(metadata, family + ".attention.head_count", static_cast<int>(layers), 1);
  const auto width = number(".embedding_length", 0);
  double bytes = 0;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const auto head = width / std::max<std::int64_t>(heads[i], 1);
    const auto kv_heads = per_layer(metadata, family + ".attention.head_count_kv",
                                    static_cast<int>(layers), heads[i])[i];
    const auto key = number(".attention.key_length", head);
    const auto value = number(".attention.value_length", head);
    const auto size = [](quant::Type type, std::int64_t values) {
      const auto& traits = quant::traits(type);
      return static_cast<double>(values) * traits.block_bytes / traits.block_length;
    };
    bytes +=
        static_cast<double>(kv_heads) * (size(wish.key_type, key) + size(wish.value_type, value));
  }
  return bytes;
}

}  // namespace

std::uint64_t estimate_memory(const std::string& path, const CacheWish& wish) {
  const auto file = gguf::File::open(path, {.with_data = false});
  const auto& metadata = file.metadata();
  const auto family = metadata.get_or<std::string>("general.architecture", "");
  const bool keeps_a_cache = metadata.get_or<bool>(family + ".attention.causal", true);
  if (!keeps_a_cache) return file.data_bytes();
  const double per_token = bytes_per_token(metadata, family, wish);
  double tokens = wish.context;
  if (wish.context <= 0) {
    const double memory =
        static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
    // As the engine does: the trained context, or what half of the memory holds of it.
    tokens = static_cast<double>(metadata.get_or<std::int64_t>(family + ".context_length", 0));
    if (per_token > 0) tokens = std::min(tokens, memory / 2 / per_token);
  }
  return file.data_bytes() + static_cast<std::uint64_t>(std::max(0.0, tokens * per_token));
}

}  // namespace llm
