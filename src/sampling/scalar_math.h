// exp and log whose results do not depend on the machine's mathematical library: a seed gives the
// same text everywhere. Built with -ffp-contract=off (room.cmake), so that no compiler fuses.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace llm::sampling {

/// e^x in f32 for x <= 0, relative error below 2e-7; 0 below -87 and for NaN.
/// F: float, or a vector of floats with I the vector of 32-bit integers of the same length. One
/// text for both, so that a vector pass and a look at a single element agree to the last bit.
template <class F, class I>
[[gnu::always_inline]] inline void exp_f32_of(const F& x, F& result) {
  constexpr float kLog2e = 1.44269504f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // their sum is ln 2
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const F zero{}, lowest = zero - 87.0f;
  const F clamped = x > lowest ? x : lowest;
  const F shifted = clamped * kLog2e + kRound;
  const F n = shifted - kRound;
  const F r = clamped - n * kLn2High - n * kLn2Low;  // |r| <= ln 2 / 2
  F sum = zero + 1.0f / 5040;                        // Taylor series up to r^7
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  // The builtin: std::bit_cast would pass wide vectors through a function, which needs their ABI.
  const I exponent = __builtin_bit_cast(I, shifted) - std::bit_cast<std::int32_t>(kRound);
  const I power_bits = (exponent + 127) << 23;
  const F power = __builtin_bit_cast(F, power_bits);
  result = x >= lowest ? sum * power : zero;
}

inline float exp_f32(float x) {
  float result;
  exp_f32_of<float, std::int32_t>(x, result);
  return result;
}

/// Natural logarithm of x > 0, relative error below 1e-13. 0 gives -inf.
inline double log_f64(double x) {
  if (!(x > 0)) return -INFINITY;
  int exponent;
  double m = std::frexp(x, &exponent);  // m in [0.5, 1)
  if (m < 0.70710678118654752) m *= 2, --exponent;
  const double f = (m - 1) / (m + 1), f2 = f * f;  // |f| <= 0.172
  double series = 0;
  for (int k = 17; k >= 1; k -= 2) series = series * f2 + 1.0 / k;
  return 2 * f * series + exponent * 0.69314718055994530942;
}

/// e^x in f64, relative error below 1e-13.
inline double exp_f64(double x) {
  if (x < -745) return 0;
  if (x > 709) return INFINITY;
  const double n = std::floor(x * 1.44269504088896340736 + 0.5);
  const double r = x - n * 0.69314718036912381649 - n * 1.9082149292705877e-10;
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = sum * r / k + 1;
  return std::ldexp(sum, static_cast<int>(n));
}

/// base^exponent for base >= 0.
inline double pow_f64(double base, double exponent) {
  if (exponent == 0) return 1;
  return base > 0 ? exp_f64(exponent * log_f64(base)) : 0;
}

}  // namespace llm::sampling
