// Counts allocations of the whole test program. A file of its own: the compiler must not inline
// one half of the pair into code that knows the other.
#include "sampling/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<long> allocations{0};
}

namespace llm {
long allocation_count() {
  return allocations;
}
}  // namespace llm

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
