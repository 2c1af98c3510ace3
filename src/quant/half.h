// Conversions between f32 and the two 16-bit formats. Internal linkage on purpose: this header is
// included by files that are compiled for different instruction sets, and the copy of one must
// never serve another.
#pragma once

#include <bit>
#include <cstdint>
#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace llm::quant {

/// binary16 to f32, exact.
[[maybe_unused]] static inline float half_to_float(std::uint16_t half) {
#if defined(__F16C__)
  return _cvtsh_ss(half);
#else
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = half & 0x7c00;
  const std::uint32_t shifted = static_cast<std::uint32_t>(half & 0x7fff) << 13;
  const std::uint32_t normal = shifted + (112U << 23);  // 112: difference of the biases
  const std::uint32_t special = shifted | 0x7f800000;   // infinity, NaN
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(static_cast<float>(half & 0x3ff) * 0x1p-24F);
  std::uint32_t bits = exponent == 0x7c00 ? special : normal;
  bits = exponent == 0 ? subnormal : bits;
  return std::bit_cast<float>(bits | sign);
#endif
}

/// f32 to binary16, ties to even; too large becomes infinity.
[[maybe_unused]] static inline std::uint16_t float_to_half(float value) {
#if defined(__F16C__)
  return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
#else
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::uint32_t magnitude = bits & 0x7fffffff;
  // In the binade of 0.5 the last bit is worth 2^-24, as in the subnormals of binary16: adding
  // makes the hardware round there.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000;
  const std::uint32_t normal = ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112U << 10);
  std::uint32_t half = magnitude < 0x38800000 ? subnormal : normal;  // 2^-14
  half = magnitude >= 0x477ff000 ? 0x7c00 : half;                    // 65520
  half = magnitude > 0x7f800000 ? 0x7e00 : half;
  return static_cast<std::uint16_t>(half | sign);
#endif
}

[[maybe_unused]] static inline float bfloat_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

/// f32 to bfloat16, ties to even.
[[maybe_unused]] static inline std::uint16_t float_to_bfloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  const std::uint32_t quiet_nan = bits >> 16 | 0x40;
  return static_cast<std::uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? quiet_nan : rounded);
}

/// 2^(e - 128): the scale of an MXFP4 block, exact for every e.
[[maybe_unused]] static inline float mxfp4_scale(std::uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000U << e : static_cast<std::uint32_t>(e - 1) << 23);
}

/// Half the value of an unsigned E4M3 number: the scale of an NVFP4 group. Bit 7 is ignored.
[[maybe_unused]] static inline float nvfp4_scale(std::uint8_t byte) {
  if (byte == 0 || byte == 0x7f) return 0;
  const std::uint32_t exponent = byte >> 3 & 15;
  const std::uint32_t mantissa = byte & 7;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10F;
  return std::bit_cast<float>((exponent - 8 + 127) << 23 | mantissa << 20);
}

}  // namespace llm::quant
