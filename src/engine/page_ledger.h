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

  int references(compute::PageId page) const { return references_[index(page)]; }
  int free_count() const { return static_cast<int>(free_.size()); }
  int page_count() const { return static_cast<int>(references_.size()); }

 private:
  static std::size_t index(compute::PageId page) { return static_cast<std::size_t>(page); }

  std::vector<int> references_;
  std::vector<compute::PageId> free_;
};

}  // namespace llm
