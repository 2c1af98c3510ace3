// Who uses which page of the cache, as counts. The ledger knows neither tokens nor memory.
// Engine thread only.
#pragma once

#include <optional>
#include <vector>

#include "compute/kv_pool.h"

namespace llm {

class PageLedger {
 public:
  explicit PageLedger(int page_count);

  /// A page with one reference; nullopt when all are in use.
  std::optional<compute::PageId> take();
  void add_reference(compute::PageId page);
  /// The last release makes the page free.
  void release(compute::PageId page);
  /// One reference of a cached page is that of the prefix cache.
  void set_cached(compute::PageId page, bool is_cached);

  int references(compute::PageId page) const { return references_[index(page)]; }
  int free_count() const { return static_cast<int>(free_.size()); }
  /// Cached pages that nobody else uses.
  int idle_count() const { return idle_; }
  int page_count() const { return static_cast<int>(references_.size()); }

 private:
  static std::size_t index(compute::PageId page) { return static_cast<std::size_t>(page); }
  bool is_idle(compute::PageId page) const {
    return cached_[index(page)] && references_[index(page)] == 1;
  }

  std::vector<int> references_;
  std::vector<bool> cached_;
  std::vector<compute::PageId> free_;
  int idle_ = 0;
};

}  // namespace llm
