// Vectors of 16 lanes for isa/generic/unpack.inl.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace llm::compute::cpu {
namespace {

template <class Dot>
struct Avx512Lanes {
  static constexpr int kCount = 16;
  static constexpr int kWideZero = Dot::kWideZero;
  using U = __m512i;
  using F = __m512;

  class Rows {
   public:
    Rows(const std::byte* base, std::int64_t stride)
        : base_(base),
          stride_(stride),
          starts_(_mm512_mullo_epi32(
              _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
              _mm512_set1_epi32(static_cast<int>(stride)))) {}

    void advance(std::int64_t bytes) { base_ += bytes; }

    U load1(std::int64_t offset) const {
      return _mm512_i32gather_epi32(starts_, base_ + offset, 1);
    }

    /// Rows j, 4 + j, 8 + j, 12 + j go to the four quarters of one register; transposing 4 x 4
    /// words inside the quarters then leaves the rows in order.
    void load4(std::int64_t offset, U* out) const {
      const std::byte* p = base_ + offset;
      const U a = quarters(p), b = quarters(p + stride_), c = quarters(p + 2 * stride_),
              d = quarters(p + 3 * stride_);
      const U ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
      const U cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
      out[0] = _mm512_unpacklo_epi64(ab_low, cd_low);
      out[1] = _mm512_unpackhi_epi64(ab_low, cd_low);
      out[2] = _mm512_unpacklo_epi64(ab_high, cd_high);
      out[3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }

   private:
    static __m128i load16(const std::byte* p) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    }
    U quarters(const std::byte* p) const {
      U x = _mm512_castsi128_si512(load16(p));
      x = _mm512_inserti32x4(x, load16(p + 4 * stride_), 1);
      x = _mm512_inserti32x4(x, load16(p + 8 * stride_), 2);
      return _mm512_inserti32x4(x, load16(p + 12 * stride_), 3);
    }

    const std::byte* base_;
    std::int64_t stride_;
    U starts_;
  };

  static U set(std::uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
  static F set_f(float x) { return _mm512_set1_ps(x); }
  static U and_(U a, U b) { return _mm512_and_si512(a, b); }
  static U or_(U a, U b) { return _mm512_or_si512(a, b); }
  static U xor_(U a, U b) { return _mm512_xor_si512(a, b); }
  static U add(U a, U b) { return _mm512_add_epi32(a, b); }
  static U sub(U a, U b) { return _mm512_sub_epi32(a, b); }
  static U add8(U a, U b) { return _mm512_add_epi8(a, b); }
  static U sub8(U a, U b) { return _mm512_sub_epi8(a, b); }
  static U sub_to_zero(U a, U b) { return _mm512_sub_epi32(_mm512_max_epu32(a, b), b); }
  template <int n>
  static U srl(U x) {
    return _mm512_srli_epi32(x, n);
  }
  template <int n>
  static U sll(U x) {
    return _mm512_slli_epi32(x, n);
  }
  template <int n>
  static U sra(U x) {
    return _mm512_srai_epi32(x, n);
  }
  static U srl(U x, int n) { return _mm512_srli_epi32(x, static_cast<unsigned>(n)); }
  static U sll(U x, int n) { return _mm512_slli_epi32(x, static_cast<unsigned>(n)); }
  static U srl_each(U x, U n) { return _mm512_srlv_epi32(x, n); }
  static U zero_where_equal(U x, U y) {
    return _mm512_maskz_mov_epi32(_mm512_cmpneq_epi32_mask(x, y), x);
  }
  static F choose_if_zero(U test, F zero, F other) {
    return _mm512_mask_mov_ps(other, _mm512_cmpeq_epi32_mask(test, _mm512_setzero_si512()), zero);
  }

  template <int value>
  static U spread(U bits) {
    constexpr auto word = [](int nibble) {
      std::uint32_t bytes = 0;
      for (int i = 0; i < 4; ++i) bytes |= nibble >> i & 1 ? std::uint32_t{value} << 8 * i : 0;
      return static_cast<int>(bytes);
    };
    const U table = _mm512_setr_epi32(word(0), word(1), word(2), word(3), word(4), word(5), word(6),
                                      word(7), word(8), word(9), word(10), word(11), word(12),
                                      word(13), word(14), word(15));
    return _mm512_permutexvar_epi32(bits, table);  // looks at four bits only
  }

  static U levels(const std::int8_t* table, int zero) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_broadcast_i32x4(_mm_add_epi8(x, _mm_set1_epi8(static_cast<char>(zero))));
  }
  static U lut(U levels, U nibbles) { return _mm512_shuffle_epi8(levels, nibbles); }
  static U gather(const std::uint32_t* table, U index) {
    return _mm512_i32gather_epi32(index, table, 4);
  }
  static void gather_pair(const std::uint32_t* table, U index, U& low, U& high) {
    low = _mm512_i32gather_epi32(index, table, 8);
    high = _mm512_i32gather_epi32(index, table + 1, 8);
  }

  static F half(U x) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x)); }
  static F from_int(U x) { return _mm512_cvtepi32_ps(x); }
  static F as_float(U x) { return _mm512_castsi512_ps(x); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F add_f(F a, F b) { return _mm512_add_ps(a, b); }
  static F negate(F x) {
    return _mm512_castsi512_ps(
        _mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>(0x80000000))));
  }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  template <int kLargest>
  static U dot(U acc, U bytes, const std::int8_t* x) {
    std::int32_t word;
    __builtin_memcpy(&word, x, sizeof(word));
    constexpr int kDepth = Dot::depth(kLargest);
    typename Dot::template Weights<kDepth> weights;
    weights.set(bytes);
    return Dot::end(acc, Dot::add(Dot::begin(acc), weights, _mm512_set1_epi32(word)));
  }
  static void store(std::uint8_t* to, U x) { _mm512_store_si512(to, x); }
  static void store_f(float* to, F x) { _mm512_store_ps(to, x); }
};

}  // namespace
}  // namespace llm::compute::cpu
