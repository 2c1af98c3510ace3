// Sixteen floats in a register. Include only from files of this folder.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace llm::compute::cpu::avx512 {

struct Vec {
  static constexpr int kWidth = 16;
  static constexpr int kTileRows = 12;  // 12 x 2 accumulators of 32 registers
  __m512 v;

  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec set1(float x) { return {_mm512_set1_ps(x)}; }
  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec load_f16(const std::uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static Vec load_bf16(const std::uint16_t* p) {
    const __m512i wide =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  static Vec load_i8(const std::int8_t* p) {
    return {_mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  /// The low, and the high, nibbles of sixteen bytes, less 8.
  static Vec load_low_nibbles(const std::uint8_t* p) {
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m512i nibbles = _mm512_and_si512(bytes, _mm512_set1_epi32(15));
    return {_mm512_cvtepi32_ps(_mm512_sub_epi32(nibbles, _mm512_set1_epi32(8)))};
  }
  static Vec load_high_nibbles(const std::uint8_t* p) {
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {
        _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(bytes, 4), _mm512_set1_epi32(8)))};
  }

  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_f16(std::uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  /// Rounds to nearest even; NaN stays NaN.
  void store_bf16(std::uint16_t* p) const {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i chosen = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x00400000));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(chosen, 16)));
  }

  float first() const { return _mm512_cvtss_f32(v); }
  float sum() const { return _mm512_reduce_add_ps(v); }
  float maximum() const { return _mm512_reduce_max_ps(v); }

  Vec operator+(Vec b) const { return {_mm512_add_ps(v, b.v)}; }
  Vec operator-(Vec b) const { return {_mm512_sub_ps(v, b.v)}; }
  Vec operator*(Vec b) const { return {_mm512_mul_ps(v, b.v)}; }
  Vec operator/(Vec b) const { return {_mm512_div_ps(v, b.v)}; }
};

inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return {_mm512_max_ps(a.v, b.v)};
}
inline Vec min(Vec a, Vec b) {
  return {_mm512_min_ps(a.v, b.v)};
}
inline Vec round(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// x * 2^n for whole n.
inline Vec scale_by_power(Vec x, Vec n) {
  return {_mm512_scalef_ps(x.v, n.v)};
}
/// Lanes 2i and 2i + 1 exchanged.
inline Vec swap_pairs(Vec a) {
  return {_mm512_permute_ps(a.v, 0xB1)};
}
/// True when a > b in any lane.
inline bool any_greater(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ) != 0;
}
/// Lane i keeps a when begin <= first + i < end, else takes b.
inline Vec keep_range(Vec a, int first, int begin, int end, Vec b) {
  const __m512i lanes =
      _mm512_add_epi32(_mm512_set1_epi32(first),
                       _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  const __mmask16 keep = _mm512_cmpge_epi32_mask(lanes, _mm512_set1_epi32(begin)) &
                         _mm512_cmplt_epi32_mask(lanes, _mm512_set1_epi32(end));
  return {_mm512_mask_blend_ps(keep, b.v, a.v)};
}

}  // namespace llm::compute::cpu::avx512
