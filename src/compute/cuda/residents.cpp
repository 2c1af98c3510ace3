#include "compute/cuda/residents.h"

#include <cassert>
#include <iterator>
#include <mutex>

namespace llm::compute::cuda {
namespace {

constexpr std::size_t kPadding = 32;

}  // namespace

Residents::Residents(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}

Residents::~Residents() {
  for (const auto& [host, copy] : copies_) queue_->release(copy.memory);
}

void Residents::put(const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  auto* memory = static_cast<std::byte*>(queue_->allocate(bytes + kPadding));
  queue_->upload(memory, host, bytes);
  queue_->clear(memory + bytes, kPadding);
  queue_->wait();
  const auto* begin = static_cast<const std::byte*>(host);
  const std::unique_lock lock(mutex_);
  auto old = copies_.lower_bound(begin);
  if (old != copies_.begin()) {
    const auto before = std::prev(old);
    if (before->first + before->second.bytes > begin) old = before;
  }
  while (old != copies_.end() && old->first < begin + bytes) {
    queue_->release(old->second.memory);
    bytes_ -= old->second.bytes;
    old = copies_.erase(old);
  }
  copies_[begin] = {bytes, memory};
  bytes_ += bytes;
}

const std::byte* Residents::find(const void* host) const {
  if (host == nullptr) return nullptr;
  const auto* at = static_cast<const std::byte*>(host);
  const std::shared_lock lock(mutex_);
  const auto behind = copies_.upper_bound(at);
  assert(behind != copies_.begin());
  const auto& [begin, copy] = *std::prev(behind);
  assert(at < begin + copy.bytes);
  return copy.memory + (at - begin);
}

}  // namespace llm::compute::cuda
