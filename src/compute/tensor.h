// What operations read and write. Both are views; the header of each owner says how long they live.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "quant/type.h"

namespace llm::compute {

/// f32 activations [rows, cols], contiguous. Lives in the device's arena until the next reset; in
/// memory of its own on some devices, see Device::to_host.
struct Tensor {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;

  std::span<float> row(std::int64_t r) const {
    return {data + r * cols, static_cast<std::size_t>(cols)};
  }
  /// The same memory as [rows * cols / new_cols, new_cols]: heads as rows, for example.
  Tensor reshaped(std::int64_t new_cols) const { return {data, rows * cols / new_cols, new_cols}; }
};

/// A weight matrix [rows, cols] of any type (rows are outputs, cols are inputs), or a stack of
/// `count` such matrices, one per expert. Memory belongs to the model file.
struct Weight {
  quant::Type type = quant::Type::f32;
  const std::byte* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t count = 1;
  const float* scale = nullptr;  // [count], multiplies the products (NVFP4 files); null: all 1
  const void* packed = nullptr;  // the device's own layout of the same values, when it made one

  explicit operator bool() const { return data != nullptr; }
  std::int64_t row_bytes() const { return quant::row_bytes(type, cols); }
  const std::byte* row(std::int64_t r) const { return data + r * row_bytes(); }
  /// Rows [first, first + n) as a matrix of their own (one of a fused stack such as q, k, v).
  Weight slice(std::int64_t first, std::int64_t n) const {
    Weight part = *this;
    part.data = row(first);
    part.rows = n;
    return part;
  }
};

}  // namespace llm::compute
