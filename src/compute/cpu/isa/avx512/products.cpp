// Products with AVX-512 and its integer dot product (VNNI): Intel from Cascade Lake, AMD from
// Zen 4.
#include <immintrin.h>

#include <cstdint>
#include <utility>

#include "compute/cpu/isa/avx512/lanes.inl"
#include "compute/cpu/isa/generic/unpack.inl"
#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 16;
// Tokens of a tile. 6 x 2 integer and as many float accumulators, two weights and a broadcast leave
// a few of the 32 registers; twelve chains hide the latency of the dot product.
constexpr int kTile = 6;

__m512i broadcast(const std::int8_t* x) {
  std::int32_t word;
  __builtin_memcpy(&word, x, sizeof(word));
  return _mm512_set1_epi32(word);
}

/// See MultiplyArguments and the order of operations in kernels.h. kStep, kOffset: of the Scheme;
/// kTokens <= kTile; kWidth vectors of rows.
template <int kStep, bool kOffset, int kTokens, int kWidth>
void multiply(const MultiplyArguments& a) {
  constexpr int kPitch = kWidth * kLanes;
  constexpr int kParts = kBlock / kStep;
  constexpr int kGroups = kStep / 4;
  __m512 acc[kTokens][kWidth];
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kWidth; ++v) {
      acc[t][v] = a.first ? _mm512_setzero_ps() : _mm512_load_ps(a.acc + t * kPitch + v * kLanes);
    }
  }
  const std::uint8_t* q = a.q;
  const std::int8_t* x = a.x;
  const float* scale = a.scale;
  const float* offset = a.offset;
  const std::int32_t* start = a.x_start;
  const float* sum = a.x_sum;
  for (int block = 0; block < a.blocks; ++block) {
    __m512 total[kTokens][kWidth];
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      __m512i dot[kTokens][kWidth];
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) {
          dot[t][v] = kOffset ? _mm512_setzero_si512() : _mm512_set1_epi32(start[t]);
        }
      }
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
        __m512i w[kWidth];
        for (int v = 0; v < kWidth; ++v) w[v] = _mm512_load_si512(q + 4 * v * kLanes);
        for (int t = 0; t < kTokens; ++t) {
          const __m512i xt = broadcast(x + 4 * t);
          for (int v = 0; v < kWidth; ++v) dot[t][v] = _mm512_dpbusd_epi32(dot[t][v], w[v], xt);
        }
        q += 4 * kPitch;
        x += 4 * kTokens;
      }
      for (int v = 0; v < kWidth; ++v) {
        const __m512 s = _mm512_load_ps(scale + v * kLanes);
        const __m512 o = kOffset ? _mm512_load_ps(offset + v * kLanes) : _mm512_setzero_ps();
        for (int t = 0; t < kTokens; ++t) {
          const __m512 value = _mm512_cvtepi32_ps(dot[t][v]);
          total[t][v] =
              part == 0 ? _mm512_mul_ps(value, s) : _mm512_fmadd_ps(value, s, total[t][v]);
          if (kOffset) total[t][v] = _mm512_fmadd_ps(o, _mm512_set1_ps(sum[t]), total[t][v]);
        }
      }
      scale += kPitch;
      if (kOffset) {
        offset += kPitch;
        sum += kTokens;
      } else {
        start += kTokens;
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      const __m512 xs = _mm512_set1_ps(a.x_scale[block * kTokens + t]);
      for (int v = 0; v < kWidth; ++v) acc[t][v] = _mm512_fmadd_ps(total[t][v], xs, acc[t][v]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kWidth; ++v) _mm512_store_ps(a.acc + t * kPitch + v * kLanes, acc[t][v]);
  }
}

template <int kStep, bool kOffset>
struct Tile {
  static constexpr MultiplyFunction kTable[kTile][kMaxPanelWidth] = {
      {multiply<kStep, kOffset, 1, 1>, multiply<kStep, kOffset, 1, 2>},
      {multiply<kStep, kOffset, 2, 1>, multiply<kStep, kOffset, 2, 2>},
      {multiply<kStep, kOffset, 3, 1>, multiply<kStep, kOffset, 3, 2>},
      {multiply<kStep, kOffset, 4, 1>, multiply<kStep, kOffset, 4, 2>},
      {multiply<kStep, kOffset, 5, 1>, multiply<kStep, kOffset, 5, 2>},
      {multiply<kStep, kOffset, 6, 1>, multiply<kStep, kOffset, 6, 2>},
  };
};

struct Multiply {
  template <int kStep, bool kOffset, int kLargest>
  static constexpr auto table() {
    return Tile<kStep, kOffset>::kTable;
  }
};

// ---- F32, F16, BF16 weights

/// The sums of four vectors; each in the same tree, whichever place it has.
__m128 sums(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512 quarters = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
  const __m256 halves =
      _mm256_add_ps(_mm512_castps512_ps256(quarters), _mm512_extractf32x8_ps(quarters, 1));
  return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

template <int kTokens, int kRows>
void multiply_float(const FloatMultiplyArguments& a) {
  __m512 acc[kTokens][kRows];
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) acc[t][r] = _mm512_setzero_ps();
  }
  const auto step = [&](int k, auto load) {
    __m512 w[kRows];
    for (int r = 0; r < kRows; ++r) w[r] = load(a.weights + r * a.stride + k);
    for (int t = 0; t < kTokens; ++t) {
      const __m512 x = load(a.x[t] + k);
      for (int r = 0; r < kRows; ++r) acc[t][r] = _mm512_fmadd_ps(w[r], x, acc[t][r]);
    }
  };
  int k = 0;
  for (; k + kLanes <= a.columns; k += kLanes) {
    step(k, [](const float* p) { return _mm512_loadu_ps(p); });
  }
  if (k < a.columns) {
    const auto rest = static_cast<__mmask16>((1u << (a.columns - k)) - 1);
    step(k, [rest](const float* p) { return _mm512_maskz_loadu_ps(rest, p); });
  }
  for (int t = 0; t < kTokens; ++t) {
    float* to = a.acc + t * a.acc_pitch;
    if constexpr (kRows == kFloatRows) {
      __m128 y = sums(acc[t][0], acc[t][1], acc[t][2], acc[t][3]);
      if (!a.first) y = _mm_add_ps(_mm_loadu_ps(to), y);
      _mm_storeu_ps(to, y);
    } else {
      const float y = _mm_cvtss_f32(sums(acc[t][0], acc[t][0], acc[t][0], acc[t][0]));
      *to = a.first ? y : *to + y;
    }
  }
}

constexpr FloatMultiplyFunction kMultiplyFloat[kTile][2] = {
    {multiply_float<1, 1>, multiply_float<1, kFloatRows>},
    {multiply_float<2, 1>, multiply_float<2, kFloatRows>},
    {multiply_float<3, 1>, multiply_float<3, kFloatRows>},
    {multiply_float<4, 1>, multiply_float<4, kFloatRows>},
    {multiply_float<5, 1>, multiply_float<5, kFloatRows>},
    {multiply_float<6, 1>, multiply_float<6, kFloatRows>},
};

void expand_f16(const std::byte* from, float* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto* p = reinterpret_cast<const __m256i*>(from + 2 * i);
    _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256(p)));
  }
  if (i < count) {
    const auto rest = static_cast<__mmask16>((1u << (count - i)) - 1);
    _mm512_mask_storeu_ps(to + i, rest,
                          _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(rest, from + 2 * i)));
  }
}

void expand_bf16(const std::byte* from, float* to, std::int64_t count) {
  const auto widen = [](__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
  };
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto* p = reinterpret_cast<const __m256i*>(from + 2 * i);
    _mm512_storeu_ps(to + i, widen(_mm256_loadu_si256(p)));
  }
  if (i < count) {
    const auto rest = static_cast<__mmask16>((1u << (count - i)) - 1);
    _mm512_mask_storeu_ps(to + i, rest, widen(_mm256_maskz_loadu_epi16(rest, from + 2 * i)));
  }
}

// ---- Activations

int sum_of_bytes(__m128i x) {
  const __m128i biased = _mm_xor_si128(x, _mm_set1_epi8(static_cast<char>(0x80)));
  const __m128i two = _mm_sad_epu8(biased, _mm_setzero_si128());
  return _mm_cvtsi128_si32(two) + _mm_extract_epi16(two, 4) - 16 * 128;
}

void quantize(const float* x, int blocks, std::int8_t* q, float* scale, std::int32_t* sums,
              int pitch) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  for (int b = 0; b < blocks; ++b, x += kBlock) {
    const __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + kLanes);
    // As integers the magnitudes sort alike, and NaN is the largest.
    const __m512i largest =
        _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(low), magnitude),
                         _mm512_and_si512(_mm512_castps_si512(high), magnitude));
    const std::uint32_t bits = _mm512_reduce_max_epu32(largest);
    float amax, inverse = 0;
    __builtin_memcpy(&amax, &bits, sizeof(amax));
    if (bits >= kInfinityBits) {
      scale[b * pitch] = __builtin_nanf("");
    } else {
      if (amax >= kSmallestAmax) inverse = 127.0f / amax;
      scale[b * pitch] = inverse == 0 ? 0 : amax / 127.0f;
    }
    const __m512 factor = _mm512_set1_ps(inverse);
    const __mmask16 use = inverse != 0 ? 0xffff : 0;  // no product with infinity or NaN
    const __m128i first =
        _mm512_cvtepi32_epi8(_mm512_maskz_cvtps_epi32(use, _mm512_mul_ps(low, factor)));
    const __m128i second =
        _mm512_cvtepi32_epi8(_mm512_maskz_cvtps_epi32(use, _mm512_mul_ps(high, factor)));
    sums[2 * b * pitch] = sum_of_bytes(first);
    sums[(2 * b + 1) * pitch] = sum_of_bytes(second);
    std::int8_t bytes[kBlock];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), first);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + 16), second);
    for (int g = 0; g < kBlock / 4; ++g, q += 4 * pitch) __builtin_memcpy(q, bytes + 4 * g, 4);
  }
}

using Quants = QuantTable<Avx512Lanes, Multiply>;

}  // namespace

const Kernels kAvx512Kernels = {.name = "avx512",
                                .description = "AVX-512 VNNI",
                                .lanes = kLanes,
                                .tile = kTile,
                                .quants = Quants::kRows,
                                .quant_count = Quants::kCount,
                                .multiply_float = kMultiplyFloat,
                                .quantize = quantize,
                                .expand_f16 = expand_f16,
                                .expand_bf16 = expand_bf16};

}  // namespace llm::compute::cpu
