#include "compute/cuda/kernels/linear_kernel.h"

namespace llm::compute::cuda {

bool multiply_small(const Queue& queue, const Product& product) {
  using enum quant::Type;
  return multiply_any<f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl, mxfp4, nvfp4, q1_0,
                      q2_0>(queue, product);
}

}  // namespace llm::compute::cuda
