#include "engine/page_store.h"

#include <cstring>
#include <new>

namespace llm {

PageStore::Bytes PageStore::keep(compute::PageId page) {
  const auto size = static_cast<std::size_t>(pool_.layout().page_bytes());
  Bytes copy(new (std::nothrow) std::byte[size]);
  if (!copy) return nullptr;
  pool_.read_page(page, copy.get());
  ++count_;
  ++kept_;
  return copy;
}

void PageStore::restore(Bytes copy, compute::PageId page) {
  pool_.write_page(page, copy.get());
  --count_;
  ++restored_;
}

void PageStore::drop(Bytes copy) {
  copy.reset();
  --count_;
}

void PageStore::read(const Bytes& copy, std::byte* to) const {
  std::memcpy(to, copy.get(), static_cast<std::size_t>(pool_.layout().page_bytes()));
}

}  // namespace llm
