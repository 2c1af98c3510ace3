#include "compute/cuda/step_inputs.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace llm::compute::cuda {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

}  // namespace

StepInputs::StepInputs(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}

StepInputs::~StepInputs() {
  for (const Block& block : blocks_) {
    queue_->release_pinned(block.host);
    queue_->release(block.gpu);
  }
}

StepInputs::Place StepInputs::take(std::size_t bytes) {
  const std::size_t room = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  while (block_ < blocks_.size() && blocks_[block_].bytes - offset_ < room) {
    ++block_;
    offset_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t size = std::max(room, kBlockBytes);
    Block block{.host = static_cast<std::byte*>(queue_->allocate_pinned(size)),
                .gpu = nullptr,
                .bytes = size};
    block.gpu = static_cast<std::byte*>(queue_->allocate(size));
    blocks_.push_back(block);
  }
  const Place place{block_, offset_, bytes};
  offset_ += room;
  return place;
}

const void* StepInputs::put_bytes(const void* values, std::size_t bytes) {
  const std::uint64_t hash = XXH3_64bits(values, bytes);
  const auto [begin, end] = known_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Place& place = it->second;
    const Block& block = blocks_[place.block];
    if (place.bytes == bytes && std::memcmp(block.host + place.offset, values, bytes) == 0) {
      return block.gpu + place.offset;
    }
  }
  const Place place = take(bytes);
  const Block& block = blocks_[place.block];
  if (bytes > 0) {
    std::memcpy(block.host + place.offset, values, bytes);
    queue_->upload(block.gpu + place.offset, block.host + place.offset, bytes);
  }
  known_.emplace(hash, place);
  return block.gpu + place.offset;
}

void StepInputs::reset() {
  queue_->wait();
  known_.clear();
  block_ = offset_ = 0;
}

}  // namespace llm::compute::cuda
