// Pages of keys and values. A page holds kPageTokens consecutive positions of one sequence, for all
// layers. The pool owns the memory and knows nothing of sequences: who uses a page, and how often,
// is the engine's business (src/engine/page_table).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "quant/type.h"

namespace llm::compute {

enum class PageId : std::int32_t {};

inline constexpr int kPageTokens = 32;

struct KvLayout {
  struct Layer {
    int kv_heads;
    int key_dim;
    int value_dim;
  };
  std::vector<Layer> layers;
  /// f32, f16, bf16, q8_0, q4_0, or another quant block type of 32 values that has a quantiser.
  quant::Type key_type = quant::Type::f16;
  quant::Type value_type = quant::Type::f16;

  /// Bytes of the kPageTokens keys (values) of one head: dims are padded, see padded_dim.
  std::int64_t key_bytes(const Layer& layer) const;
  std::int64_t value_bytes(const Layer& layer) const;
  /// Bytes of one page over all layers.
  std::int64_t page_bytes() const;
};

/// The values that a head of `dim` takes in the cache: whole quant blocks, or whole vectors.
int padded_dim(quant::Type type, int dim);

/// Throws Error naming the type when a cache cannot be kept in it.
void check_cache_type(quant::Type type);

class KvPool {
 public:
  virtual ~KvPool() = default;
  virtual const KvLayout& layout() const = 0;
  virtual int page_count() const = 0;
  /// What the bytes of a page mean: another text for another arrangement.
  virtual std::string_view format() const = 0;
  /// The raw bytes of one page, layer after layer, for saving and restoring. Any thread, as long as
  /// nobody writes that page.
  virtual void read_page(PageId page, std::byte* to) const = 0;
  virtual void write_page(PageId page, const std::byte* from) = 0;
};

}  // namespace llm::compute
