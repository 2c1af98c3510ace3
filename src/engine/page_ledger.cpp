#include "engine/page_ledger.h"

#include <cassert>

namespace llm {

PageLedger::PageLedger(int page_count) : references_(page_count, 0), cached_(page_count, false) {
  free_.reserve(page_count);
  // Taken from the back, so low pages are used first and untouched memory stays untouched.
  for (int i = page_count - 1; i >= 0; --i) free_.push_back(static_cast<compute::PageId>(i));
}

std::optional<compute::PageId> PageLedger::take() {
  if (free_.empty()) return std::nullopt;
  const compute::PageId page = free_.back();
  free_.pop_back();
  references_[index(page)] = 1;
  return page;
}

void PageLedger::add_reference(compute::PageId page) {
  assert(references_[index(page)] > 0);
  idle_ -= is_idle(page);
  ++references_[index(page)];
}

void PageLedger::release(compute::PageId page) {
  assert(references_[index(page)] > 0);
  idle_ -= is_idle(page);
  if (--references_[index(page)] == 0) {
    assert(!cached_[index(page)]);
    free_.push_back(page);
  }
  idle_ += is_idle(page);
}

void PageLedger::set_cached(compute::PageId page, bool is_cached) {
  idle_ -= is_idle(page);
  cached_[index(page)] = is_cached;
  idle_ += is_idle(page);
}

}  // namespace llm
