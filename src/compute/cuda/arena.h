// Memory of a step on the GPU: bump allocation, given back as a whole. Blocks are made as they are
// needed; reset() joins them to one that is as large as the largest step so far.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "compute/cuda/runtime.h"
#include "compute/device.h"

namespace llm::compute::cuda {

class Arena {
 public:
  explicit Arena(std::shared_ptr<Queue> queue);
  ~Arena();

  /// Aligned to 256 bytes. Kernels that were put into the queue before a rewind() or reset() may
  /// still use what they were given: later kernels run behind them.
  void* allocate(std::size_t bytes);
  template <class T>
  T* array(std::int64_t count) {
    return static_cast<T*>(allocate(static_cast<std::size_t>(count) * sizeof(T)));
  }
  void reset();
  Device::Mark mark() const { return {block_, offset_}; }
  void rewind(Device::Mark mark);

 private:
  struct Block {
    std::byte* memory;
    std::size_t bytes;
  };
  std::shared_ptr<Queue> queue_;
  std::vector<Block> blocks_;
  std::size_t block_ = 0, offset_ = 0;
};

}  // namespace llm::compute::cuda
