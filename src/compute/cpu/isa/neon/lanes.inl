// Vectors of 4 lanes for isa/generic/unpack.inl.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace llm::compute::cpu {
namespace {

inline uint8x16_t as_bytes(uint32x4_t x) {
  return vreinterpretq_u8_u32(x);
}
inline uint32x4_t as_words(uint8x16_t x) {
  return vreinterpretq_u32_u8(x);
}

struct NeonLanes {
  static constexpr int kCount = 4;
  static constexpr int kWideZero = 0;  // sdot wants signed weights; all others are below 128
  using U = uint32x4_t;
  using F = float32x4_t;

  class Rows {
   public:
    Rows(const std::byte* base, std::int64_t stride) : base_(base), stride_(stride) {}
    void advance(std::int64_t bytes) { base_ += bytes; }

    U load1(std::int64_t offset) const {
      std::uint32_t words[kCount];
      for (int i = 0; i < kCount; ++i) std::memcpy(&words[i], base_ + i * stride_ + offset, 4);
      return vld1q_u32(words);
    }

    /// Transposes the 4 x 4 words.
    void load4(std::int64_t offset, U* out) const {
      U row[kCount];
      for (int i = 0; i < kCount; ++i) {
        row[i] =
            as_words(vld1q_u8(reinterpret_cast<const std::uint8_t*>(base_ + i * stride_ + offset)));
      }
      const auto even = [](U a, U b) { return vreinterpretq_u64_u32(vtrn1q_u32(a, b)); };
      const auto odd = [](U a, U b) { return vreinterpretq_u64_u32(vtrn2q_u32(a, b)); };
      const uint64x2_t ab02 = even(row[0], row[1]), ab13 = odd(row[0], row[1]);
      const uint64x2_t cd02 = even(row[2], row[3]), cd13 = odd(row[2], row[3]);
      out[0] = vreinterpretq_u32_u64(vtrn1q_u64(ab02, cd02));
      out[1] = vreinterpretq_u32_u64(vtrn1q_u64(ab13, cd13));
      out[2] = vreinterpretq_u32_u64(vtrn2q_u64(ab02, cd02));
      out[3] = vreinterpretq_u32_u64(vtrn2q_u64(ab13, cd13));
    }

   private:
    const std::byte* base_;
    std::int64_t stride_;
  };

  static U set(std::uint32_t x) { return vdupq_n_u32(x); }
  static F set_f(float x) { return vdupq_n_f32(x); }
  static U and_(U a, U b) { return vandq_u32(a, b); }
  static U or_(U a, U b) { return vorrq_u32(a, b); }
  static U xor_(U a, U b) { return veorq_u32(a, b); }
  static U add(U a, U b) { return vaddq_u32(a, b); }
  static U sub(U a, U b) { return vsubq_u32(a, b); }
  static U add8(U a, U b) { return as_words(vaddq_u8(as_bytes(a), as_bytes(b))); }
  static U sub8(U a, U b) { return as_words(vsubq_u8(as_bytes(a), as_bytes(b))); }
  static U sub_to_zero(U a, U b) { return vqsubq_u32(a, b); }
  // Shifts by immediates do not go to 0, those by a vector go both ways.
  static U srl(U x, int n) { return vshlq_u32(x, vdupq_n_s32(-n)); }
  static U sll(U x, int n) { return vshlq_u32(x, vdupq_n_s32(n)); }
  template <int n>
  static U srl(U x) {
    if constexpr (n == 0) return x;
    return vshrq_n_u32(x, n == 0 ? 1 : n);
  }
  template <int n>
  static U sll(U x) {
    return vshlq_n_u32(x, n);
  }
  template <int n>
  static U sra(U x) {
    return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(x), n));
  }
  static U srl_each(U x, U n) { return vshlq_u32(x, vnegq_s32(vreinterpretq_s32_u32(n))); }
  static U zero_where_equal(U x, U y) { return vbicq_u32(x, vceqq_u32(x, y)); }
  static F choose_if_zero(U test, F zero, F other) {
    return vbslq_f32(vceqzq_u32(test), zero, other);
  }

  template <int value>
  static U spread(U bits) {
    // The factor moves bits 0..3 to the lowest bits of the four bytes.
    const U moved = vmulq_u32(vandq_u32(bits, set(15)), set(0x00204081));
    const U ones = vandq_u32(moved, set(0x01010101));
    return vmulq_u32(ones, set(value));
  }

  static uint8x16_t levels(const std::int8_t* table, int zero) {
    return vreinterpretq_u8_s8(vaddq_s8(vld1q_s8(table), vdupq_n_s8(static_cast<int8_t>(zero))));
  }
  static U lut(uint8x16_t levels, U nibbles) {
    return as_words(vqtbl1q_u8(levels, as_bytes(nibbles)));
  }
  static U gather(const std::uint32_t* table, U index) {
    std::uint32_t at[kCount], words[kCount];
    vst1q_u32(at, index);
    for (int i = 0; i < kCount; ++i) words[i] = table[at[i]];
    return vld1q_u32(words);
  }
  static void gather_pair(const std::uint32_t* table, U index, U& low, U& high) {
    std::uint32_t at[kCount];
    vst1q_u32(at, index);
    const U first = vcombine_u32(vld1_u32(table + 2 * at[0]), vld1_u32(table + 2 * at[1]));
    const U second = vcombine_u32(vld1_u32(table + 2 * at[2]), vld1_u32(table + 2 * at[3]));
    low = vuzp1q_u32(first, second);
    high = vuzp2q_u32(first, second);
  }

  static F half(U x) { return vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(x))); }
  static F from_int(U x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
  static F as_float(U x) { return vreinterpretq_f32_u32(x); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F add_f(F a, F b) { return vaddq_f32(a, b); }
  static F negate(F x) { return vnegq_f32(x); }
  static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  template <int kLargest>
  static U dot(U acc, U bytes, const std::int8_t* x) {
    static_assert(kLargest < 128 || kLargest == 255, "would be taken for a negative number");
    std::int32_t word;
    std::memcpy(&word, x, sizeof(word));
    const int8x16_t four = vreinterpretq_s8_s32(vdupq_n_s32(word));
    return vreinterpretq_u32_s32(
        vdotq_s32(vreinterpretq_s32_u32(acc), vreinterpretq_s8_u32(bytes), four));
  }
  static void store(std::uint8_t* to, U x) { vst1q_u8(to, as_bytes(x)); }
  static void store_f(float* to, F x) { vst1q_f32(to, x); }
};

}  // namespace
}  // namespace llm::compute::cpu
