// Vectors of 8 lanes for isa/generic/unpack.inl.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace llm::compute::cpu {
namespace {

struct Avx2Lanes {
  static constexpr int kCount = 8;
  static constexpr int kWideZero = 0;  // full bytes stay signed, see products.cpp
  using U = __m256i;
  using F = __m256;

  class Rows {
   public:
    Rows(const std::byte* base, std::int64_t stride)
        : base_(base),
          stride_(stride),
          starts_(_mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                     _mm256_set1_epi32(static_cast<int>(stride)))) {}

    void advance(std::int64_t bytes) { base_ += bytes; }

    U load1(std::int64_t offset) const {
      return _mm256_i32gather_epi32(reinterpret_cast<const int*>(base_ + offset), starts_, 1);
    }

    /// Rows j and 4 + j go to the two halves of one register; transposing 4 x 4 words inside the
    /// halves then leaves the rows in order.
    void load4(std::int64_t offset, U* out) const {
      const std::byte* p = base_ + offset;
      const U a = halves(p), b = halves(p + stride_), c = halves(p + 2 * stride_),
              d = halves(p + 3 * stride_);
      const U ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
      const U cd_low = _mm256_unpacklo_epi32(c, d), cd_high = _mm256_unpackhi_epi32(c, d);
      out[0] = _mm256_unpacklo_epi64(ab_low, cd_low);
      out[1] = _mm256_unpackhi_epi64(ab_low, cd_low);
      out[2] = _mm256_unpacklo_epi64(ab_high, cd_high);
      out[3] = _mm256_unpackhi_epi64(ab_high, cd_high);
    }

   private:
    static __m128i load16(const std::byte* p) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    }
    U halves(const std::byte* p) const {
      return _mm256_inserti128_si256(_mm256_castsi128_si256(load16(p)), load16(p + 4 * stride_), 1);
    }

    const std::byte* base_;
    std::int64_t stride_;
    U starts_;
  };

  static U set(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
  static F set_f(float x) { return _mm256_set1_ps(x); }
  static U and_(U a, U b) { return _mm256_and_si256(a, b); }
  static U or_(U a, U b) { return _mm256_or_si256(a, b); }
  static U xor_(U a, U b) { return _mm256_xor_si256(a, b); }
  static U add(U a, U b) { return _mm256_add_epi32(a, b); }
  static U sub(U a, U b) { return _mm256_sub_epi32(a, b); }
  static U add8(U a, U b) { return _mm256_add_epi8(a, b); }
  static U sub8(U a, U b) { return _mm256_sub_epi8(a, b); }
  static U sub_to_zero(U a, U b) { return _mm256_sub_epi32(_mm256_max_epu32(a, b), b); }
  template <int n>
  static U srl(U x) {
    return _mm256_srli_epi32(x, n);
  }
  template <int n>
  static U sll(U x) {
    return _mm256_slli_epi32(x, n);
  }
  template <int n>
  static U sra(U x) {
    return _mm256_srai_epi32(x, n);
  }
  static U srl(U x, int n) { return _mm256_srl_epi32(x, _mm_cvtsi32_si128(n)); }
  static U sll(U x, int n) { return _mm256_sll_epi32(x, _mm_cvtsi32_si128(n)); }
  static U srl_each(U x, U n) { return _mm256_srlv_epi32(x, n); }
  static U zero_where_equal(U x, U y) { return _mm256_andnot_si256(_mm256_cmpeq_epi32(x, y), x); }
  static F choose_if_zero(U test, F zero, F other) {
    const U mask = _mm256_cmpeq_epi32(test, _mm256_setzero_si256());
    return _mm256_blendv_ps(other, zero, _mm256_castsi256_ps(mask));
  }

  template <int value>
  static U spread(U bits) {
    const U first_bytes = _mm256_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 0, 0,
                                           0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
    const U one_bit = set(0x08040201);
    const U tested = _mm256_and_si256(_mm256_shuffle_epi8(bits, first_bytes), one_bit);
    const U mask = _mm256_cmpeq_epi8(tested, one_bit);
    return _mm256_and_si256(mask, _mm256_set1_epi8(static_cast<char>(value)));
  }

  static U levels(const std::int8_t* table, int zero) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_broadcastsi128_si256(_mm_add_epi8(x, _mm_set1_epi8(static_cast<char>(zero))));
  }
  static U lut(U levels, U nibbles) { return _mm256_shuffle_epi8(levels, nibbles); }
  static U gather(const std::uint32_t* table, U index) {
    return _mm256_i32gather_epi32(reinterpret_cast<const int*>(table), index, 4);
  }
  static void gather_pair(const std::uint32_t* table, U index, U& low, U& high) {
    low = _mm256_i32gather_epi32(reinterpret_cast<const int*>(table), index, 8);
    high = _mm256_i32gather_epi32(reinterpret_cast<const int*>(table + 1), index, 8);
  }

  static F half(U x) {
    const U low = _mm256_and_si256(x, set(0xffff));
    return _mm256_cvtph_ps(
        _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
  }
  static F from_int(U x) { return _mm256_cvtepi32_ps(x); }
  static F as_float(U x) { return _mm256_castsi256_ps(x); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F add_f(F a, F b) { return _mm256_add_ps(a, b); }
  static F negate(F x) { return _mm256_xor_ps(x, _mm256_set1_ps(-0.0f)); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  /// Above 128 the bytes are signed (kWideZero): the sign moves to x, which never is -128.
  template <int kLargest>
  static U dot(U acc, U bytes, const std::int8_t* x) {
    std::int32_t word;
    __builtin_memcpy(&word, x, sizeof(word));
    U factor = _mm256_set1_epi32(word);
    if constexpr (kLargest > 128) {
      factor = _mm256_sign_epi8(factor, bytes);
      bytes = _mm256_abs_epi8(bytes);
    }
    const U pairs = _mm256_maddubs_epi16(bytes, factor);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static void store(std::uint8_t* to, U x) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), x);
  }
  static void store_f(float* to, F x) { _mm256_store_ps(to, x); }
};

}  // namespace
}  // namespace llm::compute::cpu
