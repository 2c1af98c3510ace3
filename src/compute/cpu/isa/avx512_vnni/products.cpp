// Products with AVX-512 and its integer dot product (VNNI): Intel from Cascade Lake, AMD from
// Zen 4.
#include "compute/cpu/isa/avx512/products.inl"

namespace llm::compute::cpu {
namespace {

/// vpdpbusd: four products of unsigned weights and signed activations are added in 32 bits.
struct Vnni {
  static constexpr int kWideZero = 128;
  // 6 x 2 integer and as many float accumulators, two weights and a broadcast leave a few of the 32
  // registers; twelve chains hide the latency of the dot product.
  static constexpr int kTile = 6;
  /// Panels win earlier where a quant block needs more accumulators than there are registers.
  static constexpr int direct_tokens(int block_columns) { return block_columns == 32 ? 4 : 1; }

  static constexpr int depth(int /*largest*/) { return 1; }
  template <int>
  static constexpr int run(int groups) {
    return groups;
  }
  template <int>
  struct Weights {
    __m512i bytes;
    void load(const std::uint8_t* from) { bytes = _mm512_load_si512(from); }
    void set(__m512i x) { bytes = x; }
  };
  static __m512i begin(__m512i before) { return before; }
  static __m512i add(__m512i run, const Weights<1>& w, __m512i x) {
    return _mm512_dpbusd_epi32(run, w.bytes, x);
  }
  static __m512i end(__m512i /*before*/, __m512i run) { return run; }
};

}  // namespace

const Kernels kAvx512VnniKernels = make_kernels<Vnni>("avx512_vnni", "AVX-512 VNNI");

}  // namespace llm::compute::cpu
