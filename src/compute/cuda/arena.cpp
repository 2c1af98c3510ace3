#include "compute/cuda/arena.h"

#include <algorithm>

namespace llm::compute::cuda {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kSmallestBlock = std::size_t{1} << 20;

}  // namespace

Arena::Arena(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}

Arena::~Arena() {
  for (const Block& block : blocks_) queue_->release(block.memory);
}

void* Arena::allocate(std::size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  while (block_ < blocks_.size() && blocks_[block_].bytes - offset_ < bytes) {
    ++block_;
    offset_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t last = blocks_.empty() ? kSmallestBlock : 2 * blocks_.back().bytes;
    const std::size_t size = std::max(bytes, last);
    blocks_.push_back({static_cast<std::byte*>(queue_->allocate(size)), size});
  }
  std::byte* place = blocks_[block_].memory + offset_;
  offset_ += bytes;
  return place;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    std::size_t all = 0;
    for (const Block& block : blocks_) {
      all += block.bytes;
      queue_->release(block.memory);
    }
    blocks_.clear();
    blocks_.push_back({static_cast<std::byte*>(queue_->allocate(all)), all});
  }
  block_ = offset_ = 0;
}

void Arena::rewind(Device::Mark mark) {
  block_ = mark.block;
  offset_ = mark.offset;
}

}  // namespace llm::compute::cuda
