// The GPU's memory and queue on the CPU: memory of the host, work that is done at once.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "base/error.h"
#include "compute/cuda/runtime.h"

namespace llm::compute::cuda {
namespace {

constexpr std::size_t kTotalBytes = std::size_t{1} << 30;
constexpr std::size_t kGuardBytes = 64;
constexpr unsigned char kGuard = 0x5a;
constexpr std::size_t kAlignment = 256;

/// Sizes of what is allocated, to find stores behind the end.
struct Heap {
  std::mutex mutex;
  std::map<void*, std::size_t> sizes;
  std::size_t used = 0;
};
Heap& heap() {
  static Heap one;
  return one;
}

}  // namespace

std::vector<Gpu> gpus() {
  const std::lock_guard lock(heap().mutex);
  return {{.name = "a CPU in place of a GPU",
           .major = 9,
           .minor = 0,
           .multiprocessors = 4,
           .total_bytes = kTotalBytes,
           .free_bytes = kTotalBytes - heap().used}};
}

Queue::Queue(int gpu) : gpu_(gpu), multiprocessors_(4) {}
Queue::~Queue() = default;

void* Queue::allocate(std::size_t bytes) {
  const std::lock_guard lock(heap().mutex);
  if (bytes > kTotalBytes - heap().used) {
    fail("CUDA{}: {} bytes asked for, {} are free", gpu_, bytes, kTotalBytes - heap().used);
  }
  const std::size_t rounded = (bytes + kGuardBytes + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded);
  std::memset(memory, 0xff, bytes);  // NaNs: nobody may rely on what is there
  std::memset(static_cast<unsigned char*>(memory) + bytes, kGuard, rounded - bytes);
  heap().sizes[memory] = bytes;
  heap().used += bytes;
  return memory;
}

void Queue::release(void* memory) {
  if (memory == nullptr) return;
  const std::lock_guard lock(heap().mutex);
  const auto found = heap().sizes.find(memory);
  const auto* end = static_cast<unsigned char*>(memory) + found->second;
  for (std::size_t i = 0; i < kGuardBytes; ++i) {
    if (end[i] == kGuard) continue;
    std::fprintf(stderr, "cuda_on_cpu: a store behind %zu bytes of memory\n", found->second);
    std::abort();
  }
  heap().used -= found->second;
  heap().sizes.erase(found);
  std::free(memory);
}

void* Queue::allocate_pinned(std::size_t bytes) {
  return std::malloc(bytes);
}
void Queue::release_pinned(void* memory) {
  std::free(memory);
}

void Queue::upload(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}
void Queue::download(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}
void Queue::copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memmove(to, from, bytes);
}
void Queue::clear(void* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
}
void Queue::wait() {}

}  // namespace llm::compute::cuda
