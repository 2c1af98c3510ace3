#include "compute/hadamard.h"

#include <cstddef>

namespace llm::compute {

void hadamard_rotate(std::span<float> x) {
  constexpr float kNorm = 0.125f;  // 1 / sqrt(64)
  for (std::size_t start = 0; start < x.size(); start += kHadamardBlock) {
    float* block = x.data() + start;
    for (int half = 1; half < kHadamardBlock; half *= 2) {
      for (int i = 0; i < kHadamardBlock; i += 2 * half) {
        for (int j = i; j < i + half; ++j) {
          const float a = block[j], b = block[j + half];
          block[j] = a + b;
          block[j + half] = a - b;
        }
      }
    }
    for (int i = 0; i < kHadamardBlock; ++i) block[i] *= kNorm;
  }
}

}  // namespace llm::compute
