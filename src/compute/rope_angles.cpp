#include "compute/rope_angles.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace llm::compute {
namespace {

/// The pair at which a wave turns `turns` times within the original context.
double turning_pair(const Rope& rope, double turns) {
  return rope.rotated * std::log(rope.original_context / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(static_cast<double>(rope.base)));
}

}  // namespace

std::vector<double> rope_frequencies(const Rope& rope) {
  const int pairs = rope.rotated / 2;
  std::vector<double> frequencies(static_cast<std::size_t>(pairs));
  double low = 0, high = 0;
  if (rope.ext_factor != 0) {
    low = std::max(0.0, std::floor(turning_pair(rope, rope.beta_fast)));
    high = std::min(rope.rotated - 1.0, std::ceil(turning_pair(rope, rope.beta_slow)));
  }
  for (int i = 0; i < pairs; ++i) {
    double own = std::pow(static_cast<double>(rope.base), -2.0 * i / rope.rotated);
    if (rope.freq_factors != nullptr) own /= rope.freq_factors[i];
    const double scaled = rope.freq_scale * own;
    double mix = 0;  // 1: the trained frequency, 0: the interpolated one
    if (rope.ext_factor != 0) {
      const double ramp = std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0);
      mix = (1 - ramp) * rope.ext_factor;
    }
    frequencies[static_cast<std::size_t>(i)] = scaled * (1 - mix) + own * mix;
  }
  return frequencies;
}

void rope_angles(const Rope& rope, std::span<const double> frequencies, int position,
                 std::span<float> cos, std::span<float> sin) {
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double angle = position * frequencies[i];
    cos[i] = static_cast<float>(rope.magnitude * std::cos(angle));
    sin[i] = static_cast<float>(rope.magnitude * std::sin(angle));
  }
}

}  // namespace llm::compute
