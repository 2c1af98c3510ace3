// Four floats in a register (NEON). Include only from files of this folder.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace llm::compute::cpu::neon {

struct Vec {
  static constexpr int kWidth = 4;
  static constexpr int kTileRows = 12;  // 12 x 2 accumulators of 32 registers
  float32x4_t v;

  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  static Vec set1(float x) { return {vdupq_n_f32(x)}; }
  static Vec zero() { return set1(0); }
  static Vec load_f16(const std::uint16_t* p) {
    return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))};
  }
  static Vec load_bf16(const std::uint16_t* p) {
    return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))};
  }
  static Vec load_i8(const std::int8_t* p) {
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(four_bytes(p)));
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
  }
  /// The low, and the high, nibbles of four bytes, less 8.
  static Vec load_low_nibbles(const std::uint8_t* p) {
    return less_8(vand_u8(vreinterpret_u8_u32(four_bytes(p)), vdup_n_u8(15)));
  }
  static Vec load_high_nibbles(const std::uint8_t* p) {
    return less_8(vshr_n_u8(vreinterpret_u8_u32(four_bytes(p)), 4));
  }

  void store(float* p) const { vst1q_f32(p, v); }
  void store_f16(std::uint16_t* p) const { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
  /// Rounds to nearest even; NaN stays NaN.
  void store_bf16(std::uint16_t* p) const {
    const uint32x4_t bits = vreinterpretq_u32_f32(v);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x00400000));
    vst1_u16(p, vshrn_n_u32(vbslq_u32(vceqq_f32(v, v), rounded, quiet), 16));
  }

  float first() const { return vgetq_lane_f32(v, 0); }
  float sum() const { return vaddvq_f32(v); }
  float maximum() const { return vmaxvq_f32(v); }

  Vec operator+(Vec b) const { return {vaddq_f32(v, b.v)}; }
  Vec operator-(Vec b) const { return {vsubq_f32(v, b.v)}; }
  Vec operator*(Vec b) const { return {vmulq_f32(v, b.v)}; }
  Vec operator/(Vec b) const { return {vdivq_f32(v, b.v)}; }

 private:
  static uint32x2_t four_bytes(const void* p) {
    std::uint32_t word;
    std::memcpy(&word, p, sizeof(word));
    return vdup_n_u32(word);
  }
  static Vec less_8(uint8x8_t nibbles) {
    const uint32x4_t wide = vmovl_u16(vget_low_u16(vmovl_u8(nibbles)));
    return {vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(wide), vdupq_n_s32(8)))};
  }
};

inline Vec fma(Vec a, Vec b, Vec c) {
  return {vfmaq_f32(c.v, a.v, b.v)};
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)};
}
inline Vec min(Vec a, Vec b) {
  return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)};
}
inline Vec round(Vec a) {
  return {vrndnq_f32(a.v)};
}
/// x * 2^n for whole n in [-126, 127].
inline Vec scale_by_power(Vec x, Vec n) {
  const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n.v), vdupq_n_s32(127));
  return {vmulq_f32(x.v, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)))};
}
/// Lanes 2i and 2i + 1 exchanged.
inline Vec swap_pairs(Vec a) {
  return {vrev64q_f32(a.v)};
}
/// True when a > b in any lane.
inline bool any_greater(Vec a, Vec b) {
  return vmaxvq_u32(vcgtq_f32(a.v, b.v)) != 0;
}
/// Lane i keeps a when begin <= first + i < end, else takes b.
inline Vec keep_range(Vec a, int first, int begin, int end, Vec b) {
  constexpr std::int32_t kOrder[] = {0, 1, 2, 3};
  const int32x4_t lanes = vaddq_s32(vdupq_n_s32(first), vld1q_s32(kOrder));
  const uint32x4_t keep =
      vandq_u32(vcgeq_s32(lanes, vdupq_n_s32(begin)), vcltq_s32(lanes, vdupq_n_s32(end)));
  return {vbslq_f32(keep, a.v, b.v)};
}

}  // namespace llm::compute::cpu::neon
