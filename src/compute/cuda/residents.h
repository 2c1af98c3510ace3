// Copies on the GPU of host memory that stays as it is: weights, norms, biases. Found by host
// address; any address inside a copied range finds its place in the copy.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <shared_mutex>

#include "compute/cuda/runtime.h"
#include "compute/tensor.h"

namespace llm::compute::cuda {

class Residents {
 public:
  explicit Residents(std::shared_ptr<Queue> queue);
  ~Residents();

  /// Copies the bytes as they are now. What overlaps them is dropped first: its memory belongs to
  /// something else by now. Copies end with some bytes of padding, so that the last vector of 16
  /// bytes may be read as a whole.
  void put(const void* host, std::size_t bytes);

  /// The place of a host address in its copy; null stays null. Asserts that there is one.
  const std::byte* find(const void* host) const;
  const float* floats(const float* host) const {
    return reinterpret_cast<const float*>(find(host));
  }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Copy {
    std::size_t bytes;
    std::byte* memory;
  };
  std::shared_ptr<Queue> queue_;
  mutable std::shared_mutex mutex_;  // adapters are loaded while others compute
  std::map<const std::byte*, Copy> copies_;
  std::size_t bytes_ = 0;
};

}  // namespace llm::compute::cuda
