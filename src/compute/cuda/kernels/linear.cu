#include "compute/cuda/kernels/linear.h"

#include "compute/cuda/kernels/linear_kernel.h"
#include "compute/cuda/refuse.h"

namespace llm::compute::cuda {
namespace {

constexpr unsigned kThreads = 256;

__global__ void add_scaled_rows_kernel(float* out, const float* delta, const float* scales,
                                       const std::int32_t* source, float factor,
                                       std::int64_t cols) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  const float scale = scales[source != nullptr ? source[row] : row];
  if (scale == 0 || column >= cols) return;
  out[row * cols + column] += scale * factor * delta[row * cols + column];
}

}  // namespace

bool has_product(quant::Type type) {
  using enum quant::Type;
  switch (type) {
    case q8_1:
    case q8_k:
    case i8:
    case i16:
    case i32:
    case i64:
    case f64:
      return false;
    default:
      return true;
  }
}

void multiply(const Queue& queue, const Product& product) {
  if (multiply_small(queue, product) || multiply_k(queue, product) ||
      multiply_grid(queue, product)) {
    return;
  }
  refuse("a weight of this type has no product on a GPU");
}

void add_scaled_rows(const Queue& queue, float* out, const float* delta, const float* scales,
                     const std::int32_t* source, float factor, std::int64_t rows,
                     std::int64_t cols) {
  const dim3 grid(static_cast<unsigned>(rows),
                  static_cast<unsigned>((cols + kThreads - 1) / kThreads));
  launch(queue, add_scaled_rows_kernel, grid, kThreads, 0, out, delta, scales, source, factor,
         cols);
}

}  // namespace llm::compute::cuda
