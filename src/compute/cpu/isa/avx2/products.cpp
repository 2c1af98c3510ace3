// Products with AVX2, FMA and F16C: Intel from Haswell, AMD from Zen.
//
// vpmaddubsw adds pairs of unsigned * signed bytes in 16 bits and saturates. The largest byte of a
// type says how many pairs may be added before widening; a type that needs whole bytes keeps them
// signed, and the sign moves to the activation (which never is -128).
#include <immintrin.h>

#include <cstdint>

#include "compute/cpu/isa/avx2/lanes.inl"
#include "compute/cpu/isa/generic/unpack.inl"
#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 8;
constexpr int kTile = 4;
constexpr int kSigned = 0;  // as kDepth: bytes with signs

/// Groups of four columns whose products are added in 16 bits.
constexpr int depth(int largest) {
  if (largest > 128) return kSigned;
  int n = 8;
  while (n > 1 && n * 2 * largest * 127 > 32767) n /= 2;
  return n;
}

__m256i broadcast(const std::int8_t* x) {
  std::int32_t word;
  __builtin_memcpy(&word, x, sizeof(word));
  return _mm256_set1_epi32(word);
}

/// See MultiplyArguments and the order of operations in kernels.h.
template <int kStep, bool kOffset, int kDepth, int kTokens, int kWidth>
void multiply(const MultiplyArguments& a) {
  constexpr int kPitch = kWidth * kLanes;
  constexpr int kGroups = kStep / 4;
  constexpr int kRun = kDepth == kSigned ? 1 : kDepth < kGroups ? kDepth : kGroups;
  const __m256i ones = _mm256_set1_epi16(1);
  const std::uint8_t* q = a.q;
  const std::int8_t* x = a.x;
  const float* scale = a.scale;
  const float* offset = a.offset;
  const std::int32_t* start = a.x_start;
  const float* sum = a.x_sum;
  __m256 acc[kTokens][kWidth];
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kWidth; ++v) {
      acc[t][v] = a.first ? _mm256_setzero_ps() : _mm256_load_ps(a.acc + t * kPitch + v * kLanes);
    }
  }
  // Of the next kStep columns: the integers, and the scale of the rows.
  const auto next_step = [&](__m256(&value)[kTokens][kWidth], __m256(&s)[kWidth]) {
    __m256i dot[kTokens][kWidth];
    for (int t = 0; t < kTokens; ++t) {
      for (int v = 0; v < kWidth; ++v) {
        dot[t][v] = kOffset ? _mm256_setzero_si256() : _mm256_set1_epi32(start[t]);
      }
    }
#pragma GCC unroll 8
    for (int run = 0; run < kGroups; run += kRun) {
      __m256i narrow[kTokens][kWidth];
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) narrow[t][v] = _mm256_setzero_si256();
      }
#pragma GCC unroll 8
      for (int g = 0; g < kRun; ++g) {
        __m256i w[kWidth], magnitude[kWidth];
        for (int v = 0; v < kWidth; ++v) {
          w[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(q + 4 * v * kLanes));
          magnitude[v] = kDepth == kSigned ? _mm256_abs_epi8(w[v]) : w[v];
        }
        for (int t = 0; t < kTokens; ++t) {
          const __m256i xt = broadcast(x + 4 * t);
          for (int v = 0; v < kWidth; ++v) {
            const __m256i factor = kDepth == kSigned ? _mm256_sign_epi8(xt, w[v]) : xt;
            const __m256i pairs = _mm256_maddubs_epi16(magnitude[v], factor);
            narrow[t][v] = _mm256_add_epi16(narrow[t][v], pairs);
          }
        }
        q += 4 * kPitch;
        x += 4 * kTokens;
      }
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) {
          dot[t][v] = _mm256_add_epi32(dot[t][v], _mm256_madd_epi16(narrow[t][v], ones));
        }
      }
    }
    for (int v = 0; v < kWidth; ++v) {
      s[v] = _mm256_load_ps(scale + v * kLanes);
      for (int t = 0; t < kTokens; ++t) value[t][v] = _mm256_cvtepi32_ps(dot[t][v]);
    }
    scale += kPitch;
    start += kOffset ? 0 : kTokens;
  };
  const auto add_offsets = [&](__m256(&total)[kTokens][kWidth]) {
    for (int v = 0; v < kWidth; ++v) {
      const __m256 o = _mm256_load_ps(offset + v * kLanes);
      for (int t = 0; t < kTokens; ++t) {
        total[t][v] = _mm256_fmadd_ps(o, _mm256_set1_ps(sum[t]), total[t][v]);
      }
    }
    offset += kPitch;
    sum += kTokens;
  };
  for (int block = 0; block < a.blocks; ++block) {
    __m256 total[kTokens][kWidth], value[kTokens][kWidth], s[kWidth];
    next_step(value, s);
    for (int t = 0; t < kTokens; ++t) {
      for (int v = 0; v < kWidth; ++v) total[t][v] = _mm256_mul_ps(value[t][v], s[v]);
    }
    if constexpr (kOffset) add_offsets(total);
    if constexpr (kStep < kBlock) {
      next_step(value, s);
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) {
          total[t][v] = _mm256_fmadd_ps(value[t][v], s[v], total[t][v]);
        }
      }
      if constexpr (kOffset) add_offsets(total);
    }
    for (int t = 0; t < kTokens; ++t) {
      const __m256 xs = _mm256_set1_ps(a.x_scale[block * kTokens + t]);
      for (int v = 0; v < kWidth; ++v) acc[t][v] = _mm256_fmadd_ps(total[t][v], xs, acc[t][v]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kWidth; ++v) _mm256_store_ps(a.acc + t * kPitch + v * kLanes, acc[t][v]);
  }
}

template <int kStep, bool kOffset, int kDepth>
struct Tile {
  static constexpr MultiplyFunction kTable[kTile][kMaxPanelWidth] = {
      {multiply<kStep, kOffset, kDepth, 1, 1>, multiply<kStep, kOffset, kDepth, 1, 2>},
      {multiply<kStep, kOffset, kDepth, 2, 1>, multiply<kStep, kOffset, kDepth, 2, 2>},
      {multiply<kStep, kOffset, kDepth, 3, 1>, multiply<kStep, kOffset, kDepth, 3, 2>},
      {multiply<kStep, kOffset, kDepth, 4, 1>, multiply<kStep, kOffset, kDepth, 4, 2>},
  };
};

struct Multiply {
  static constexpr int direct_tokens(int /*block_columns*/) { return 1; }
  template <int kStep, bool kOffset, int kLargest>
  static constexpr auto table() {
    return Tile<kStep, kOffset, depth(kLargest)>::kTable;
  }
};

// ---- F32, F16, BF16 weights

/// The sums of four vectors; each in the same tree, whichever place it has.
__m128 sums(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const __m256d low = _mm256_unpacklo_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd));
  const __m256d high = _mm256_unpackhi_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd));
  const __m256 halves = _mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high));
  return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

/// The first `count` < 8 floats at p, the others 0.
__m256 load_rest(const float* p, int count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane));
}

template <int kTokens, int kRows>
void multiply_float(const FloatMultiplyArguments& a) {
  __m256 acc[kTokens][kRows];
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) acc[t][r] = _mm256_setzero_ps();
  }
  const auto step = [&](int k, auto load) {
    __m256 x[kTokens];
    for (int t = 0; t < kTokens; ++t) x[t] = load(a.x[t] + k);
    for (int r = 0; r < kRows; ++r) {
      const __m256 w = load(a.weights + r * a.stride + k);
      for (int t = 0; t < kTokens; ++t) acc[t][r] = _mm256_fmadd_ps(w, x[t], acc[t][r]);
    }
  };
  int k = 0;
  for (; k + kLanes <= a.columns; k += kLanes) {
    step(k, [](const float* p) { return _mm256_loadu_ps(p); });
  }
  if (k < a.columns) {
    step(k, [rest = a.columns - k](const float* p) { return load_rest(p, rest); });
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
};

void expand_f16(const std::byte* from, float* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto* p = reinterpret_cast<const __m128i*>(from + 2 * i);
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(p)));
  }
  for (; i < count; ++i) {
    std::uint16_t bits;
    __builtin_memcpy(&bits, from + 2 * i, sizeof(bits));
    to[i] = _cvtsh_ss(bits);
  }
}

void expand_bf16(const std::byte* from, float* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto* p = reinterpret_cast<const __m128i*>(from + 2 * i);
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(p));
    _mm256_storeu_ps(to + i, _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)));
  }
  for (; i < count; ++i) {
    std::uint32_t bits = 0;
    __builtin_memcpy(reinterpret_cast<std::byte*>(&bits) + 2, from + 2 * i, 2);
    __builtin_memcpy(to + i, &bits, sizeof(bits));
  }
}

// ---- Activations

std::uint32_t largest_lane(__m256i x) {
  __m128i y = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  y = _mm_max_epu32(y, _mm_shuffle_epi32(y, 0x4e));
  y = _mm_max_epu32(y, _mm_shuffle_epi32(y, 0xb1));
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(y));
}

int sum_of_bytes(__m128i x) {
  const __m128i biased = _mm_xor_si128(x, _mm_set1_epi8(static_cast<char>(0x80)));
  const __m128i two = _mm_sad_epu8(biased, _mm_setzero_si128());
  return _mm_cvtsi128_si32(two) + _mm_extract_epi16(two, 4) - 16 * 128;
}

void quantize(const float* x, int blocks, std::int8_t* q, float* scale, std::int32_t* sums_to,
              int pitch) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  for (int b = 0; b < blocks; ++b, x += kBlock) {
    __m256 values[4];
    __m256i largest = _mm256_setzero_si256();  // as integers magnitudes sort alike, NaN highest
    for (int i = 0; i < 4; ++i) {
      values[i] = _mm256_loadu_ps(x + 8 * i);
      largest =
          _mm256_max_epu32(largest, _mm256_and_si256(_mm256_castps_si256(values[i]), magnitude));
    }
    const std::uint32_t bits = largest_lane(largest);
    float amax, inverse = 0;
    __builtin_memcpy(&amax, &bits, sizeof(amax));
    if (bits < kInfinityBits && amax >= kSmallestAmax) inverse = 127.0f / amax;
    scale[b * pitch] = inverse == 0 ? 0 : amax / 127.0f;
    if (bits >= kInfinityBits) scale[b * pitch] = __builtin_nanf("");
    __m256i words[4];
    for (int i = 0; i < 4; ++i) {
      words[i] = inverse == 0
                     ? _mm256_setzero_si256()
                     : _mm256_cvtps_epi32(_mm256_mul_ps(values[i], _mm256_set1_ps(inverse)));
    }
    const auto bytes_of = [](__m256i low, __m256i high) {
      const __m128i a =
          _mm_packs_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
      const __m128i c =
          _mm_packs_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
      return _mm_packs_epi16(a, c);
    };
    const __m128i first = bytes_of(words[0], words[1]), second = bytes_of(words[2], words[3]);
    sums_to[2 * b * pitch] = sum_of_bytes(first);
    sums_to[(2 * b + 1) * pitch] = sum_of_bytes(second);
    std::int8_t bytes[kBlock];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), first);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + 16), second);
    for (int g = 0; g < kBlock / 4; ++g, q += 4 * pitch) __builtin_memcpy(q, bytes + 4 * g, 4);
  }
}

using Quants = QuantTable<Avx2Lanes, Multiply>;

}  // namespace

const Kernels kAvx2Kernels = {.name = "avx2",
                              .description = "AVX2",
                              .lanes = kLanes,
                              .tile = kTile,
                              .quants = Quants::kRows,
                              .quant_count = Quants::kCount,
                              .multiply_float = kMultiplyFloat,
                              .quantize = quantize,
                              .expand_f16 = expand_f16,
                              .expand_bf16 = expand_bf16};

}  // namespace llm::compute::cpu
