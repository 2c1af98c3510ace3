#include "compute/cuda/kernels/linear_kernel.h"

namespace llm::compute::cuda {

bool multiply_grid(const Queue& queue, const Product& product) {
  using enum quant::Type;
  return multiply_any<iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s, iq1_s, iq1_m>(queue, product);
}

}  // namespace llm::compute::cuda
