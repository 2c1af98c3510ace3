// Small host arrays that kernels of a step read: positions, page tables, scales. Equal contents are
// copied once per step, however many layers ask for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "compute/cuda/runtime.h"

namespace llm::compute::cuda {

class StepInputs {
 public:
  explicit StepInputs(std::shared_ptr<Queue> queue);
  ~StepInputs();
  StepInputs(const StepInputs&) = delete;
  StepInputs& operator=(const StepInputs&) = delete;

  /// A copy on the GPU, valid until reset(). `values` may be changed when this returns.
  template <class T>
  const T* put(std::span<const T> values) {
    return static_cast<const T*>(put_bytes(values.data(), values.size_bytes()));
  }
  /// Waits for the queue: its copies read what is written next.
  void reset();

 private:
  /// The same bytes on both sides.
  struct Block {
    std::byte *host, *gpu;
    std::size_t bytes;
  };
  struct Place {
    std::size_t block, offset, bytes;
  };

  const void* put_bytes(const void* values, std::size_t bytes);
  Place take(std::size_t bytes);

  std::shared_ptr<Queue> queue_;
  std::vector<Block> blocks_;
  std::size_t block_ = 0, offset_ = 0;
  std::unordered_multimap<std::uint64_t, Place> known_;  // by hash of the contents
};

}  // namespace llm::compute::cuda
