#include "sampling/dense.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

// Vectors of the compiler (GCC and Clang), split or joined as the machine has registers. Loops over
// arrays of lanes were tried first: GCC 12 turns them into scalar code.
using Floats [[gnu::vector_size(64)]] = float;
using Ints [[gnu::vector_size(64)]] = std::int32_t;
using Doubles [[gnu::vector_size(128)]] = double;
static_assert(sizeof(Floats) == kLanes * sizeof(float));

[[gnu::always_inline]] inline void load(const float* from, Floats& to) {
  std::memcpy(&to, from, sizeof to);
}

/// `count` is a multiple of kLanes in all of these.
LLM_VECTOR_VERSIONS
void lane_maxima(const float* z, std::size_t count, float* lanes) {
  Floats best = Floats{} + kLowest, next;
  for (std::size_t i = 0; i < count; i += kLanes) {
    load(z + i, next);
    best = next > best ? next : best;  // false for NaN
  }
  std::memcpy(lanes, &best, sizeof best);
}

LLM_VECTOR_VERSIONS
void lane_exp_sums(const float* z, std::size_t count, float max, float divisor, float* lanes) {
  Floats sum{}, next, e;
  for (std::size_t i = 0; i < count; i += kLanes) {
    load(z + i, next);
    next = (next - max) / divisor;
    exp_f32_of<Floats, Ints>(next, e);
    sum += e;
  }
  std::memcpy(lanes, &sum, sizeof sum);
}

LLM_VECTOR_VERSIONS
void lane_exps(float* z, std::size_t count, float max, float* lanes) {
  Floats sum{}, next, e;
  for (std::size_t i = 0; i < count; i += kLanes) {
    load(z + i, next);
    next -= max;
    exp_f32_of<Floats, Ints>(next, e);
    std::memcpy(z + i, &e, sizeof e);
    sum += e;
  }
  std::memcpy(lanes, &sum, sizeof sum);
}

/// Adds up the finite values minus `shift`: a first logit near the mean keeps the squares small.
LLM_VECTOR_VERSIONS
void lane_moments(const float* z, std::size_t count, float shift, double* sums, double* squares,
                  float* finite) {
  Doubles sum, square;
  Floats number, next;
  std::memcpy(&sum, sums, sizeof sum);
  std::memcpy(&square, squares, sizeof square);
  std::memcpy(&number, finite, sizeof number);
  const Floats zero{}, one = zero + 1.0f;
  for (std::size_t i = 0; i < count; i += kLanes) {
    load(z + i, next);
    next -= shift;
    const Ints usable = next - next == zero;  // neither infinite nor NaN
    next = usable ? next : zero;
    number += usable ? one : zero;
    const Doubles wide = __builtin_convertvector(next, Doubles);
    sum += wide;
    square += wide * wide;
  }
  std::memcpy(sums, &sum, sizeof sum);
  std::memcpy(squares, &square, sizeof square);
  std::memcpy(finite, &number, sizeof number);
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

double exp_in_place(std::span<float, kGroup> z, std::size_t n, float max) {
  const std::size_t padded = (n + kLanes - 1) / kLanes * kLanes;
  std::fill(z.begin() + n, z.begin() + padded, kLowest);
  float lanes[kLanes];
  lane_exps(z.data(), padded, max, lanes);
  double sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
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
