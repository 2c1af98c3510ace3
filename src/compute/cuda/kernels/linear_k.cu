#include "compute/cuda/kernels/linear_kernel.h"

namespace llm::compute::cuda {

bool multiply_k(const Queue& queue, const Product& product) {
  using enum quant::Type;
  return multiply_any<q2_k, q3_k, q4_k, q5_k, q6_k, iq4_xs, tq1_0, tq2_0>(queue, product);
}

}  // namespace llm::compute::cuda
