// Products of weights of any type with f32 activations.
//
// One warp computes a tile of R rows by T tokens: lane l takes the groups l, l + 32, ... of eight
// columns, expands a group of each row once for all tokens of the tile, and adds in f32; the lanes'
// sums are added by a fixed tree. So each output is added in the same order, whatever the tile and
// whatever the batch.
#pragma once

#include <cstdint>

#include "compute/cuda/kernels/grids.h"
#include "compute/cuda/runtime.h"
#include "quant/type.h"

namespace llm::compute::cuda {

/// All pointers are of the GPU.
struct Product {
  quant::Type type = quant::Type::f32;
  const std::byte* weight = nullptr;  // [matrices, rows, cols]
  std::int64_t rows = 0, cols = 0, row_bytes = 0;
  const float* scale = nullptr;  // [matrices] or null
  const float* bias = nullptr;   // [matrices, rows] or null
  const float* x = nullptr;      // [.., cols]
  float* out = nullptr;          // [slots, rows]
  int tokens = 0;                // rows of out, or the most that one matrix of a stack may have

  // Of a stack: matrix m computes the slots [offsets[m], offsets[m + 1]).
  int matrices = 1;
  const std::int32_t* offsets = nullptr;
  /// x of slot i is row source[i] of it; null: row i.
  const std::int32_t* source = nullptr;

  Grids grids = {};
};

/// True for types that have a product.
bool has_product(quant::Type type);
void multiply(const Queue& queue, const Product& product);

/// out[i] += scales[source[i] or i] * factor * delta[i]; rows whose scale is 0 keep their bits.
void add_scaled_rows(const Queue& queue, float* out, const float* delta, const float* scales,
                     const std::int32_t* source, float factor, std::int64_t rows,
                     std::int64_t cols);

}  // namespace llm::compute::cuda
