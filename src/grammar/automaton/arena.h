// Memory that is given back all at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace llm::grammar {

class Arena {
 public:
  /// Aligned for any object; not initialised.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    if (bytes > left_) {
      const std::size_t size = std::max(bytes, kBlock);
      blocks_.push_back(std::make_unique<std::byte[]>(size));
      next_ = blocks_.back().get();
      left_ = size;
    }
    std::byte* at = next_;
    next_ += bytes;
    left_ -= bytes;
    return at;
  }

  template <class T>
  std::span<const T> copy(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (values.empty()) return {};
    T* at = static_cast<T*>(allocate(values.size_bytes()));
    std::memcpy(static_cast<void*>(at), values.data(), values.size_bytes());
    return {at, values.size()};
  }

 private:
  static constexpr std::size_t kAlign = alignof(std::max_align_t), kBlock = 32 << 10;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace llm::grammar
