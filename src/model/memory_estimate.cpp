#include "model/memory_estimate.h"

#include <unistd.h>

#include <algorithm>

#include "gguf/reader.h"
#include "model/cache_size.h"

namespace llm {

std::uint64_t estimate_memory(const std::string& path, const CacheWish& wish) {
  const auto file = gguf::File::open(path, {.with_data = false});
  const auto& metadata = file.metadata();
  const auto family = metadata.get_or<std::string>("general.architecture", "");
  const double per_token = cache_bytes_per_token(metadata, wish.key_type, wish.value_type).all();
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
