// Four floats in the vector extensions that GCC and Clang share: SSE2, NEON or whatever the
// compiler finds. Multiplies and adds stay apart (no contraction), so all paths round alike.
#pragma once

#include <bit>
#include <cstdint>

namespace llm::compute::cpu::portable {

using Float4 = float __attribute__((vector_size(16)));
using Int4 = std::int32_t __attribute__((vector_size(16)));

inline float from_f16(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
  const std::uint32_t rest = static_cast<std::uint32_t>(h & 0x7fff) << 13;
  // Exponents are rebased by a multiplication, which also normalises subnormals.
  float x = std::bit_cast<float>(rest) * 0x1p112f;
  if ((h & 0x7c00) == 0x7c00) {
    x = std::bit_cast<float>(0x7f800000u | rest);
  }
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) | sign);
}

/// Rounds to nearest even.
inline std::uint16_t to_f16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000;
  const std::uint32_t rest = bits & 0x7fffffff;
  std::uint32_t h = 0;
  if (rest > 0x7f800000) {
    h = 0x7e00 | ((rest >> 13) & 0x3ff);
  } else if (rest >= 0x477ff000) {  // rounds beyond 65504
    h = 0x7c00;
  } else if (rest < 0x38800000) {  // subnormal: let the addition round at 2^-24
    const float sum = std::bit_cast<float>(rest) + 0.5f;
    h = std::bit_cast<std::uint32_t>(sum) - std::bit_cast<std::uint32_t>(0.5f);
  } else {
    h = (rest - 0x38000000 + 0xfff + ((rest >> 13) & 1)) >> 13;
  }
  return static_cast<std::uint16_t>(h | sign);
}

inline std::uint16_t to_bf16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>((bits | 0x400000) >> 16);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

struct Vec {
  static constexpr int kWidth = 4;
  static constexpr int kTileRows = 6;
  Float4 v;

  static Vec load(const float* p) { return {Float4{p[0], p[1], p[2], p[3]}}; }
  static Vec set1(float x) { return {Float4{x, x, x, x}}; }
  static Vec zero() { return set1(0); }
  static Vec load_f16(const std::uint16_t* p) {
    return {Float4{from_f16(p[0]), from_f16(p[1]), from_f16(p[2]), from_f16(p[3])}};
  }
  static Vec load_bf16(const std::uint16_t* p) {
    const Int4 bits = {p[0] << 16, p[1] << 16, p[2] << 16, p[3] << 16};
    return {std::bit_cast<Float4>(bits)};
  }
  static Vec load_i8(const std::int8_t* p) {
    return {__builtin_convertvector((Int4{p[0], p[1], p[2], p[3]}), Float4)};
  }
  /// The low, and the high, nibbles of four bytes, less 8.
  static Vec load_low_nibbles(const std::uint8_t* p) {
    const Int4 bytes = {p[0], p[1], p[2], p[3]};
    return {__builtin_convertvector((bytes & 15) - 8, Float4)};
  }
  static Vec load_high_nibbles(const std::uint8_t* p) {
    const Int4 bytes = {p[0], p[1], p[2], p[3]};
    return {__builtin_convertvector((bytes >> 4) - 8, Float4)};
  }

  void store(float* p) const {
    for (int i = 0; i < 4; ++i) p[i] = v[i];
  }
  void store_f16(std::uint16_t* p) const {
    for (int i = 0; i < 4; ++i) p[i] = to_f16(v[i]);
  }
  void store_bf16(std::uint16_t* p) const {
    for (int i = 0; i < 4; ++i) p[i] = to_bf16(v[i]);
  }

  float first() const { return v[0]; }
  float sum() const { return (v[0] + v[2]) + (v[1] + v[3]); }
  float maximum() const {
    const float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
  }

  Vec operator+(Vec b) const { return {v + b.v}; }
  Vec operator-(Vec b) const { return {v - b.v}; }
  Vec operator*(Vec b) const { return {v * b.v}; }
  Vec operator/(Vec b) const { return {v / b.v}; }
};

inline Vec fma(Vec a, Vec b, Vec c) {
  return {a.v * b.v + c.v};
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return {a.v > b.v ? a.v : b.v};
}
inline Vec min(Vec a, Vec b) {
  return {a.v < b.v ? a.v : b.v};
}
/// For |a| < 2^22.
inline Vec round(Vec a) {
  const Float4 magic = {12582912.0f, 12582912.0f, 12582912.0f, 12582912.0f};  // 1.5 * 2^23
  return {(a.v + magic) - magic};
}
/// x * 2^n for whole n in [-126, 127].
inline Vec scale_by_power(Vec x, Vec n) {
  const Int4 exponent = (__builtin_convertvector(n.v, Int4) + 127) << 23;
  return {x.v * std::bit_cast<Float4>(exponent)};
}
/// Lanes 2i and 2i + 1 exchanged.
inline Vec swap_pairs(Vec a) {
  return {Float4{a.v[1], a.v[0], a.v[3], a.v[2]}};
}
/// True when a > b in any lane.
inline bool any_greater(Vec a, Vec b) {
  const Int4 greater = a.v > b.v;
  return (greater[0] | greater[1] | greater[2] | greater[3]) != 0;
}
/// Lane i keeps a when begin <= first + i < end, else takes b.
inline Vec keep_range(Vec a, int first, int begin, int end, Vec b) {
  Vec out = b;
  for (int i = 0; i < 4; ++i) {
    if (first + i >= begin && first + i < end) out.v[i] = a.v[i];
  }
  return out;
}

}  // namespace llm::compute::cpu::portable
