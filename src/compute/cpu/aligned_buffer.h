// Memory for vectors: aligned to a cache line, grows, never shrinks, contents undefined after
// growth.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace llm::compute::cpu {

class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  void reserve(std::size_t bytes) {
    if (bytes <= size_) return;
    memory_.reset(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(kAlignment))));
    size_ = bytes;
  }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(memory_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(kAlignment)); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace llm::compute::cpu
