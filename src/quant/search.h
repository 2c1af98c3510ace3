// Searches for the integers and scales that lose least, shared by the quantisers. Sums run from the
// first element to the last and products from left to right, so results do not depend on vector
// width. `n` is at most 32 everywhere.
#pragma once

#include <bit>
#include <cstdint>

namespace llm::quant::search {

inline constexpr float kTiny = 1e-15F;  // groups below it are taken as zero

/// Nearest integer, ties to even. REQUIRES |x| < 2^22 for a right answer; never undefined.
inline int nearest(float x) {
  // 1.5 * 2^23: the sum's last bit is worth 1, so the addition itself rounds.
  return static_cast<int>(std::bit_cast<std::uint32_t>(x + 12582912.0F) & 0x7fffff) - 0x400000;
}

/// Nearest integer, ties away from zero; 0 for what is too large or not a number.
inline int nearest_away(float x) {
  if (!(x > -0x1p30F && x < 0x1p30F)) return 0;
  const int whole = static_cast<int>(x);
  const float rest = x - static_cast<float>(whole);
  return whole + (rest >= 0.5F) - (rest <= -0.5F);
}

/// The first value of the largest magnitude, with its sign.
float signed_extreme(const float* x, int n);
float largest_magnitude(const float* x, int n);

/// x ~ scale * (levels - limit), levels 0 .. 2 * limit - 1. Errors are weighted by w, or by x * x
/// where w is null. Returns the scale.
float symmetric(int n, int limit, const float* x, const float* w, std::uint8_t* levels);

/// As symmetric() with weights x * x, refined element by element instead of by trying scales.
float symmetric_sweep(int n, int limit, const float* x, std::uint8_t* levels);

struct AffineSettings {
  int limit;          // levels 0 .. limit
  float first, step;  // of the tried numbers of levels, relative to limit
  int steps;
  bool absolute = false;  // sum errors instead of their squares
};
struct Affine {
  float scale;
  float min;  // subtracted, >= 0
};

/// x ~ scale * levels - min.
Affine affine(int n, const AffineSettings& settings, const float* x, const float* w,
              std::uint8_t* levels);

/// x ~ scale * levels for x >= 0, levels 0 .. limit. Returns the scale.
float positive(int n, int limit, const float* x, const float* w, std::uint8_t* levels);

}  // namespace llm::quant::search
