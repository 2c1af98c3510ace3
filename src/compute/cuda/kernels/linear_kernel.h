// The kernel of kernels/linear.h, for the files that have it for some types each.
#pragma once

#include "compute/cuda/kernels/decode.h"
#include "compute/cuda/kernels/linear.h"

namespace llm::compute::cuda {

inline constexpr int kLinearWarps = 4;

/// Eight activations; those behind the end of the row are 0.
template <bool kWhole>
__device__ inline void load_x(const float* row, std::int64_t column, std::int64_t cols,
                              float* out) {
  if constexpr (kWhole) {  // rows are whole groups, so that they begin at multiples of 32 bytes
    const auto* from = reinterpret_cast<const float4*>(row + column);
    const float4 a = from[0], b = from[1];
    out[0] = a.x, out[1] = a.y, out[2] = a.z, out[3] = a.w;
    out[4] = b.x, out[5] = b.y, out[6] = b.z, out[7] = b.w;
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) out[i] = column + i < cols ? row[column + i] : 0.0f;
  }
}

template <quant::Type type>
__device__ inline void load_weights(Bytes row, std::int64_t group, std::int64_t cols,
                                    const Grids& grids, float* out) {
  using D = Decoder<type>;
  if constexpr (kIsPlain<type>) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      out[i] = 8 * group + i < cols ? D::one(row, 8 * group + i) : 0.0f;
    }
  } else {
    constexpr int kGroups = D::kValues / 8;
    D::eight(row + group / kGroups * D::kBytes, static_cast<int>(group % kGroups), grids, out);
  }
}

template <quant::Type type, int R, int T, bool kWhole>
__global__ void __launch_bounds__(kLinearWarps* kWarp) multiply_kernel(Product p) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::int64_t first_row =
      (static_cast<std::int64_t>(blockIdx.x) * kLinearWarps + threadIdx.x / kWarp) * R;
  const int matrix = static_cast<int>(blockIdx.z);
  const int begin = p.offsets != nullptr ? p.offsets[matrix] : 0;
  const int end = p.offsets != nullptr ? p.offsets[matrix + 1] : p.tokens;
  const int first = begin + static_cast<int>(blockIdx.y) * T;
  if (first_row >= p.rows || first >= end) return;

  // Tiles at the edges read their last row or token again and do not store it.
  Bytes rows[R];
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const std::int64_t row = first_row + r < p.rows ? first_row + r : p.rows - 1;
    rows[r] = reinterpret_cast<Bytes>(p.weight) + (matrix * p.rows + row) * p.row_bytes;
  }
  const float* xs[T];
#pragma unroll
  for (int t = 0; t < T; ++t) {
    const int slot = first + t < end ? first + t : end - 1;
    xs[t] = p.x + (p.source != nullptr ? p.source[slot] : slot) * p.cols;
  }

  float sums[R][T] = {};
  const std::int64_t groups = (p.cols + 7) / 8;
  for (std::int64_t group = lane; group < groups; group += kWarp) {
    float w[R][8];
#pragma unroll
    for (int r = 0; r < R; ++r) load_weights<type>(rows[r], group, p.cols, p.grids, w[r]);
#pragma unroll
    for (int t = 0; t < T; ++t) {
      float x[8];
      load_x<kWhole>(xs[t], 8 * group, p.cols, x);
#pragma unroll
      for (int r = 0; r < R; ++r) {
#pragma unroll
        for (int i = 0; i < 8; ++i) sums[r][t] = fmaf(w[r][i], x[i], sums[r][t]);
      }
    }
  }

  const float scale = p.scale != nullptr ? p.scale[matrix] : 1.0f;
#pragma unroll
  for (int r = 0; r < R; ++r) {
#pragma unroll
    for (int t = 0; t < T; ++t) {
      float sum = sums[r][t];
#pragma unroll
      for (int step = kWarp / 2; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
      }
      const std::int64_t row = first_row + r;
      if (lane != 0 || row >= p.rows || first + t >= end) continue;
      sum *= scale;
      if (p.bias != nullptr) sum += p.bias[matrix * p.rows + row];
      p.out[(first + t) * p.rows + row] = sum;
    }
  }
}

template <quant::Type type, int R, int T>
void multiply_tiles(const Queue& queue, const Product& p) {
  const std::int64_t rows_per_block = kLinearWarps * R;
  const dim3 grid(static_cast<unsigned>((p.rows + rows_per_block - 1) / rows_per_block),
                  static_cast<unsigned>((p.tokens + T - 1) / T), static_cast<unsigned>(p.matrices));
  const dim3 block(kLinearWarps * kWarp);
  if (p.cols % 8 == 0) {
    launch(queue, multiply_kernel<type, R, T, true>, grid, block, 0, p);
  } else if constexpr (kIsPlain<type>) {
    launch(queue, multiply_kernel<type, R, T, false>, grid, block, 0, p);
  }
}

template <quant::Type type>
void multiply_as(const Queue& queue, const Product& p) {
  if (p.tokens <= 1) {
    multiply_tiles<type, 2, 1>(queue, p);
  } else if (p.tokens <= 4) {
    multiply_tiles<type, 2, 4>(queue, p);
  } else {
    multiply_tiles<type, 4, 8>(queue, p);
  }
}

/// Each false for types that it does not have.
bool multiply_small(const Queue& queue, const Product& product);
bool multiply_k(const Queue& queue, const Product& product);
bool multiply_grid(const Queue& queue, const Product& product);

/// Computes the product if its type is one of these.
template <quant::Type... types>
bool multiply_any(const Queue& queue, const Product& p) {
  return ((p.type == types && (multiply_as<types>(queue, p), true)) || ...);
}

}  // namespace llm::compute::cuda
