// Pages that had to leave the cache's pool, as bytes in ordinary memory, up to a limit
// (--cache-ram). Which they are, and which goes next, is the prefix cache's business. Engine thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "compute/kv_pool.h"

namespace llm {

class PageStore {
 public:
  using Bytes = std::unique_ptr<std::byte[]>;

  /// limit: bytes; 0: nothing is kept, below 0: all is.
  PageStore(compute::KvPool& pool, std::int64_t limit) : pool_(pool), limit_(limit) {}

  /// A page could be kept if all others were dropped.
  bool can_keep() const { return limit_ < 0 || limit_ >= pool_.layout().page_bytes(); }
  /// For one more, when `leaving` of them are about to go.
  bool has_room(int leaving) const {
    return limit_ < 0 || (count_ + 1 - leaving) * pool_.layout().page_bytes() <= limit_;
  }

  /// A copy of a page; null when the machine has no memory for it.
  Bytes keep(compute::PageId page);
  /// The copy goes back into a page, or away.
  void restore(Bytes copy, compute::PageId page);
  void drop(Bytes copy);
  void read(const Bytes& copy, std::byte* to) const;

  int count() const { return count_; }
  std::int64_t bytes() const { return count_ * pool_.layout().page_bytes(); }
  std::int64_t kept_in_all() const { return kept_; }
  std::int64_t restored_in_all() const { return restored_; }

 private:
  compute::KvPool& pool_;
  std::int64_t limit_;
  int count_ = 0;
  std::int64_t kept_ = 0, restored_ = 0;
};

}  // namespace llm
