#include "compute/cpu/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace llm::compute::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSmallestBlock = std::size_t{4} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Pages::Pages(std::size_t bytes) : size_(round_up(std::max<std::size_t>(bytes, 1), kHugePage)) {
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(memory);
#ifdef MADV_HUGEPAGE
  madvise(memory, size_, MADV_HUGEPAGE);  // advice only
#endif
}

Pages::~Pages() {
  if (data_ != nullptr) munmap(data_, size_);
}

Pages::Pages(Pages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

float* Arena::allocate(std::size_t floats) {
  const std::size_t bytes = round_up(floats * sizeof(float), kAlignment);
  while (block_ < blocks_.size() && blocks_[block_].size() - offset_ < bytes) {
    ++block_;
    offset_ = 0;
  }
  if (block_ == blocks_.size()) {
    std::size_t all = 0;
    for (const Pages& block : blocks_) all += block.size();
    blocks_.emplace_back(std::max({bytes, all, kSmallestBlock}));
    offset_ = 0;
  }
  auto* at = reinterpret_cast<float*>(blocks_[block_].data() + offset_);
  offset_ += bytes;
  return at;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    std::size_t all = 0;
    for (const Pages& block : blocks_) all += block.size();
    blocks_.clear();
    blocks_.emplace_back(all);
  }
  block_ = 0;
  offset_ = 0;
}

void Arena::rewind(Device::Mark mark) {
  block_ = mark.block;
  offset_ = mark.offset;
}

}  // namespace llm::compute::cpu
