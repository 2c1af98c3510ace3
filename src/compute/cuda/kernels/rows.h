// Norms, rotations and what works value by value on [rows, cols] of f32. All pointers are of the
// GPU.
#pragma once

#include <cstdint>

#include "compute/cuda/runtime.h"
#include "compute/device.h"

namespace llm::compute::cuda {

struct Matrix {
  float* data = nullptr;
  std::int64_t rows = 0, cols = 0;

  Matrix() = default;
  Matrix(float* data_, std::int64_t rows_, std::int64_t cols_)
      : data(data_), rows(rows_), cols(cols_) {}
  Matrix(Tensor t) : data(t.data), rows(t.rows), cols(t.cols) {}  // NOLINT: the same thing
};

/// With y: x += y first, and the norm is of the sum.
void rms_norm(const Queue& queue, Matrix x, const float* y, const float* weight, float eps,
              float* out);
void layer_norm(const Queue& queue, Matrix x, const float* weight, const float* bias, float eps,
                float* out);

/// cos, sin [rows, rotated / 2]: of the row's position.
void rotate(const Queue& queue, Matrix x, int head_dim, int rotated, Rope::Pairing pairing,
            const float* cos, const float* sin);

/// up = act(gate) * up, or act(up) where gate is null.
void activate(const Queue& queue, Activation activation, const float* gate, float* up,
              std::int64_t count);

void add(const Queue& queue, float* x, const float* y, std::int64_t count);
/// x[r, c] += values[c].
void add_to_rows(const Queue& queue, Matrix x, const float* values);
void scale(const Queue& queue, float* x, float factor, std::int64_t count);
/// x[r, c] *= factors[r].
void scale_rows(const Queue& queue, Matrix x, const float* factors);
void softcap(const Queue& queue, float* x, float c, std::int64_t count);
/// out[i] = x[rows[i]].
void gather_rows(const Queue& queue, const float* x, const std::int32_t* rows, Matrix out);

}  // namespace llm::compute::cuda
