// Passes over the logits of the whole vocabulary. They are the cost of a sampling step, so each
// reads the logits once, in vector registers; sums have a fixed order, whatever the machine.
#pragma once

#include <cstddef>
#include <span>

namespace llm::sampling {

/// Logits are looked at in groups: a group whose maximum is too small is skipped.
inline constexpr std::size_t kGroup = 256;
inline constexpr std::size_t group_count(std::size_t n) {
  return (n + kGroup - 1) / kGroup;
}

/// maxima[g] = largest logit of group g, NaN ignored, -inf when there is none. Returns the largest.
float group_maxima(std::span<const float> logits, std::span<float> maxima);

/// sums[g] = sum of exp((z - max) / divisor) over group g. Returns their sum. max must be finite.
double group_exp_sums(std::span<const float> logits, float max, float divisor,
                      std::span<double> sums);

/// z[i] = exp(z[i] - max) for i < n <= kGroup, in place; up to the next multiple of 16 the rest is
/// overwritten. Returns the sum.
double exp_in_place(std::span<float, kGroup> z, std::size_t n, float max);

/// Population standard deviation of the finite logits; 0 when there are none.
double standard_deviation(std::span<const float> logits);

}  // namespace llm::sampling
