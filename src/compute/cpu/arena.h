// Memory of a step: bump allocation, given back as a whole. Grows to what the largest step needs
// and is then one block that is used again and again, warm in cache.
#pragma once

#include <cstddef>
#include <vector>

#include "compute/device.h"

namespace llm::compute::cpu {

/// Zeroed pages from the system, on huge pages where it grants them.
class Pages {
 public:
  Pages() = default;
  explicit Pages(std::size_t bytes);
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

class Arena {
 public:
  /// Aligned to 64 bytes.
  float* allocate(std::size_t floats);
  void reset();
  Device::Mark mark() const { return {block_, offset_}; }
  void rewind(Device::Mark mark);

 private:
  std::vector<Pages> blocks_;
  std::size_t block_ = 0;   // index of the block in use
  std::size_t offset_ = 0;  // bytes used of it
};

}  // namespace llm::compute::cpu
