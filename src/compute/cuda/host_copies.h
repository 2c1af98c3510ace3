// Memory of the host for what comes from the GPU in a step: pinned, and used again by the next one.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "compute/cuda/runtime.h"

namespace llm::compute::cuda {

class HostCopies {
 public:
  explicit HostCopies(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}
  ~HostCopies() {
    for (const Buffer& buffer : buffers_) queue_->release_pinned(buffer.memory);
  }
  HostCopies(const HostCopies&) = delete;
  HostCopies& operator=(const HostCopies&) = delete;

  /// Valid until reset().
  void* allocate(std::size_t bytes) {
    if (used_ == buffers_.size()) buffers_.push_back({nullptr, 0});
    Buffer& buffer = buffers_[used_++];
    if (buffer.bytes < bytes) {
      queue_->release_pinned(buffer.memory);
      buffer = {nullptr, 0};
      buffer.memory = queue_->allocate_pinned(bytes);
      buffer.bytes = bytes;
    }
    return buffer.memory;
  }
  void reset() { used_ = 0; }

 private:
  struct Buffer {
    void* memory;
    std::size_t bytes;
  };
  std::shared_ptr<Queue> queue_;
  std::vector<Buffer> buffers_;
  std::size_t used_ = 0;
};

}  // namespace llm::compute::cuda
