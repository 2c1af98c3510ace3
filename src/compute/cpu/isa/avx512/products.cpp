// Products with AVX-512 alone: Intel from Skylake's servers on.
//
// vpmaddubsw adds pairs of unsigned * signed bytes in 16 bits and saturates. The largest byte of a
// type says how many pairs may be added before widening; a type that needs whole bytes keeps them
// signed, and the sign moves to the activation (which never is -128).
#include "compute/cpu/isa/avx512/products.inl"

namespace llm::compute::cpu {
namespace {

struct Pairs {
  static constexpr int kWideZero = 0;
  // 4 x 2 sums of 16 and of 32 bits and as many of floats leave a few of the 32 registers.
  static constexpr int kTile = 4;
  static constexpr int direct_tokens(int block_columns) { return block_columns == 32 ? 2 : 1; }

  static constexpr int kSigned = 0;
  static constexpr int depth(int largest) {
    if (largest > 128) return kSigned;
    int n = 8;
    while (n > 1 && n * 2 * largest * 127 > 32767) n /= 2;
    return n;
  }
  template <int kDepth>
  static constexpr int run(int groups) {
    return kDepth == kSigned ? 1 : kDepth < groups ? kDepth : groups;
  }

  template <int kDepth>
  struct Weights {
    __m512i bytes;
    void load(const std::uint8_t* from) { bytes = _mm512_load_si512(from); }
    void set(__m512i x) { bytes = x; }
    __m512i times(__m512i x) const { return _mm512_maddubs_epi16(bytes, x); }
  };

  static __m512i begin(__m512i /*before*/) { return _mm512_setzero_si512(); }
  template <int kDepth>
  static __m512i add(__m512i run, const Weights<kDepth>& w, __m512i x) {
    return _mm512_add_epi16(run, w.times(x));
  }
  static __m512i end(__m512i before, __m512i run) {
    return _mm512_add_epi32(before, _mm512_madd_epi16(run, _mm512_set1_epi16(1)));
  }
};

template <>
struct Pairs::Weights<Pairs::kSigned> {
  __m512i magnitude;
  __mmask64 negative;
  void load(const std::uint8_t* from) { set(_mm512_load_si512(from)); }
  void set(__m512i x) {
    magnitude = _mm512_abs_epi8(x);
    negative = _mm512_movepi8_mask(x);
  }
  __m512i times(__m512i x) const {
    const __m512i turned = _mm512_mask_sub_epi8(x, negative, _mm512_setzero_si512(), x);
    return _mm512_maddubs_epi16(magnitude, turned);
  }
};

}  // namespace

const Kernels kAvx512Kernels = make_kernels<Pairs>("avx512", "AVX-512");

}  // namespace llm::compute::cpu
