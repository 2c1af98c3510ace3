#include "sampling/dense.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sampling/scalar_math.h"

// Wider vectors where the machine has them; sixteen independent lanes in the source make the
// results identical. Thread sanitizer cannot run the resolvers behind such functions.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define LLM_VECTOR_VERSIONS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LLM_VECTOR_VERSIONS
#endif

namespace llm::sampling {
namespace {

constexpr std::size_t kLanes = 16;
constexpr float kLowest = -std::numeric_limits<float>::infinity();

/// `count` is a multiple of kLanes.
LLM_VECTOR_VERSIONS
void lane_maxima(const float* z, std::size_t count, float* lanes) {
  float best[kLanes];
  for (std::size_t l = 0; l < kLanes; ++l) best[l] = kLowest;
  for (std::size_t i = 0; i < count; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) best[l] = z[i + l] > best[l] ? z[i + l] : best[l];
  for (std::size_t l = 0; l < kLanes; ++l) lanes[l] = best[l];
}

LLM_VECTOR_VERSIONS
void lane_exp_sums(const float* z, std::size_t count, float max, float divisor, float* lanes) {
  float sum[kLanes] = {};
  for (std::size_t i = 0; i < count; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) sum[l] += exp_f32((z[i + l] - max) / divisor);
  for (std::size_t l = 0; l < kLanes; ++l) lanes[l] = sum[l];
}

/// Adds up the finite values minus `shift`: a first logit near the mean keeps the squares small.
LLM_VECTOR_VERSIONS
void lane_moments(const float* z, std::size_t count, float shift, double* sum, double* squares,
                  float* finite) {
  for (std::size_t i = 0; i < count; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float distance = z[i + l] - shift;
      const bool usable = distance - distance == 0;  // neither infinite nor NaN
      const double d = usable ? distance : 0.0f;
      sum[l] += d;
      squares[l] += d * d;
      finite[l] += usable ? 1.0f : 0.0f;
    }
  }
}

/// Calls `body(pointer, count, first)` for pieces of at most kGroup logits whose length is a
/// multiple of kLanes; the end is filled up with `filler`.
template <class Body>
void for_each_group(std::span<const float> logits, float filler, Body body) {
  std::size_t at = 0;
  for (; at + kGroup <= logits.size(); at += kGroup) body(logits.data() + at, kGroup, at / kGroup);
  if (at == logits.size()) return;
  float tail[kGroup];
  std::fill(std::copy(logits.begin() + at, logits.end(), tail), tail + kGroup, filler);
  body(tail, kGroup, at / kGroup);
}

}  // namespace

float group_maxima(std::span<const float> logits, std::span<float> maxima) {
  float best = kLowest;
  for_each_group(logits, kLowest, [&](const float* z, std::size_t count, std::size_t group) {
    float lanes[kLanes];
    lane_maxima(z, count, lanes);
    maxima[group] = *std::max_element(lanes, lanes + kLanes);
    best = std::max(best, maxima[group]);
  });
  return best;
}

double group_exp_sums(std::span<const float> logits, float max, float divisor,
                      std::span<double> sums) {
  double total = 0;
  for_each_group(logits, kLowest, [&](const float* z, std::size_t count, std::size_t group) {
    float lanes[kLanes];
    lane_exp_sums(z, count, max, divisor, lanes);
    double sum = 0;
    for (const float lane : lanes) sum += lane;
    sums[group] = sum;
    total += sum;
  });
  return total;
}

double standard_deviation(std::span<const float> logits) {
  const auto first =
      std::find_if(logits.begin(), logits.end(), [](float z) { return std::isfinite(z); });
  if (first == logits.end()) return 0;
  double sum[kLanes] = {}, squares[kLanes] = {};
  float finite[kLanes] = {};
  for_each_group(logits, kLowest, [&](const float* z, std::size_t count, std::size_t) {
    lane_moments(z, count, *first, sum, squares, finite);
  });
  double total = 0, total_squares = 0, count = 0;
  for (std::size_t l = 0; l < kLanes; ++l) {
    total += sum[l];
    total_squares += squares[l];
    count += finite[l];
  }
  const double mean = total / count;
  return std::sqrt(std::max(0.0, total_squares / count - mean * mean));
}

}  // namespace llm::sampling
