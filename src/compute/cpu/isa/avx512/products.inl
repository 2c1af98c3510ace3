// Products with AVX-512. How integers are multiplied is left to a class Dot, of which there are
// two:
//   kWideZero, kTile      see Avx512Lanes; tokens of a tile
//   depth(largest)        how bytes up to that size are to be treated: a template parameter below
//   run<depth>(groups)    groups of four columns between begin and end
//   Weights<depth>, load  sixteen rows' bytes, prepared for all tokens
//   begin, add, end       the sums of a run, beside those before it
#include <immintrin.h>

#include <cstdint>
#include <utility>

#include "compute/cpu/isa/avx512/lanes.inl"
#include "compute/cpu/isa/avx512/sums.inl"
#include "compute/cpu/isa/generic/unpack.inl"
#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 16;

__m512i broadcast(const std::int8_t* x) {
  std::int32_t word;
  __builtin_memcpy(&word, x, sizeof(word));
  return _mm512_set1_epi32(word);
}

/// See MultiplyArguments and the order of operations in kernels.h. kStep, kOffset: of the Scheme;
/// kTokens <= Dot::kTile; kWidth vectors of rows.
template <class Dot, int kStep, bool kOffset, int kDepth, int kTokens, int kWidth>
void multiply(const MultiplyArguments& a) {
  using Weights = typename Dot::template Weights<kDepth>;
  constexpr int kPitch = kWidth * kLanes;
  constexpr int kRun = Dot::template run<kDepth>(kStep / 4);
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
  // Of the next kStep columns: the integers, and the scale and offset of the rows.
  const auto next_step = [&](__m512(&value)[kTokens][kWidth], __m512(&s)[kWidth]) {
    __m512i dot[kTokens][kWidth];
    for (int t = 0; t < kTokens; ++t) {
      for (int v = 0; v < kWidth; ++v) {
        dot[t][v] = kOffset ? _mm512_setzero_si512() : _mm512_set1_epi32(start[t]);
      }
    }
#pragma GCC unroll 8
    for (int begin = 0; begin < kStep / 4; begin += kRun) {
      __m512i run[kTokens][kWidth];
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) run[t][v] = Dot::begin(dot[t][v]);
      }
#pragma GCC unroll 8
      for (int g = 0; g < kRun; ++g) {
        Weights w[kWidth];
        for (int v = 0; v < kWidth; ++v) w[v].load(q + 4 * v * kLanes);
        for (int t = 0; t < kTokens; ++t) {
          const __m512i xt = broadcast(x + 4 * t);
          for (int v = 0; v < kWidth; ++v) run[t][v] = Dot::add(run[t][v], w[v], xt);
        }
        q += 4 * kPitch;
        x += 4 * kTokens;
      }
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) dot[t][v] = Dot::end(dot[t][v], run[t][v]);
      }
    }
    for (int v = 0; v < kWidth; ++v) {
      s[v] = _mm512_load_ps(scale + v * kLanes);
      for (int t = 0; t < kTokens; ++t) value[t][v] = _mm512_cvtepi32_ps(dot[t][v]);
    }
    scale += kPitch;
    start += kOffset ? 0 : kTokens;
  };
  const auto add_offsets = [&](__m512(&total)[kTokens][kWidth]) {
    for (int v = 0; v < kWidth; ++v) {
      const __m512 o = _mm512_load_ps(offset + v * kLanes);
      for (int t = 0; t < kTokens; ++t) {
        total[t][v] = _mm512_fmadd_ps(o, _mm512_set1_ps(sum[t]), total[t][v]);
      }
    }
    offset += kPitch;
    sum += kTokens;
  };
  for (int block = 0; block < a.blocks; ++block) {
    __m512 total[kTokens][kWidth], value[kTokens][kWidth], s[kWidth];
    next_step(value, s);
    for (int t = 0; t < kTokens; ++t) {
      for (int v = 0; v < kWidth; ++v) total[t][v] = _mm512_mul_ps(value[t][v], s[v]);
    }
    if constexpr (kOffset) add_offsets(total);
    if constexpr (kStep < kBlock) {
      next_step(value, s);
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) {
          total[t][v] = _mm512_fmadd_ps(value[t][v], s[v], total[t][v]);
        }
      }
      if constexpr (kOffset) add_offsets(total);
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

template <class Dot, int kStep, bool kOffset, int kDepth,
          class Counts = std::make_integer_sequence<int, Dot::kTile>>
struct Tile;
template <class Dot, int kStep, bool kOffset, int kDepth, int... kCounts>
struct Tile<Dot, kStep, kOffset, kDepth, std::integer_sequence<int, kCounts...>> {
  static constexpr MultiplyFunction kTable[Dot::kTile][kMaxPanelWidth] = {
      {multiply<Dot, kStep, kOffset, kDepth, kCounts + 1, 1>,
       multiply<Dot, kStep, kOffset, kDepth, kCounts + 1, 2>}...};
};

template <class Dot>
struct Multiply {
  static constexpr int direct_tokens(int block_columns) {
    return Dot::direct_tokens(block_columns);
  }
  template <int kStep, bool kOffset, int kLargest>
  static constexpr auto table() {
    return Tile<Dot, kStep, kOffset, Dot::depth(kLargest)>::kTable;
  }
};

// ---- F32, F16, BF16 weights

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

template <class Counts>
struct FloatTile;
template <int... kCounts>
struct FloatTile<std::integer_sequence<int, kCounts...>> {
  static constexpr FloatMultiplyFunction kTable[sizeof...(kCounts)][2] = {
      {multiply_float<kCounts + 1, 1>, multiply_float<kCounts + 1, kFloatRows>}...};
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

__m512i larger(__m512i a, __m512i b) {
  return _mm512_max_epu32(a, b);
}

/// Lane i: the largest lane of m[i].
__m512i largest_lanes(const __m512i (&m)[kLanes]) {
  __m512i quarter[4];  // in each quarter of vector j: what is left of m[4 * j .. 4 * j + 3]
  for (int j = 0; j < 4; ++j) {
    const __m512i* a = m + 4 * j;
    const __m512i ab = larger(_mm512_unpacklo_epi32(a[0], a[1]), _mm512_unpackhi_epi32(a[0], a[1]));
    const __m512i cd = larger(_mm512_unpacklo_epi32(a[2], a[3]), _mm512_unpackhi_epi32(a[2], a[3]));
    quarter[j] = larger(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }
  constexpr int kEven = 0x88, kOdd = 0xdd;
  const auto fold = [](__m512i a, __m512i b) {
    return larger(_mm512_shuffle_i32x4(a, b, kEven), _mm512_shuffle_i32x4(a, b, kOdd));
  };
  return fold(fold(quarter[0], quarter[1]), fold(quarter[2], quarter[3]));
}

/// The largest magnitudes of 16 blocks, as bits: they sort like integers, with NaN highest.
__m512i largest_magnitudes(const float* x) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i m[kLanes];
#pragma GCC unroll 16
  for (int b = 0; b < kLanes; ++b) {
    const __m512i low = _mm512_loadu_si512(x + b * kBlock);
    const __m512i high = _mm512_loadu_si512(x + b * kBlock + kLanes);
    m[b] = larger(_mm512_and_si512(low, magnitude), _mm512_and_si512(high, magnitude));
  }
  return largest_lanes(m);
}

/// Four vectors of integers in [-127, 127] -> bytes in order.
__m512i bytes_of(const __m512i (&x)[4]) {
  const __m512i pairs =
      _mm512_packs_epi16(_mm512_packs_epi32(x[0], x[1]), _mm512_packs_epi32(x[2], x[3]));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, pairs);
}

/// Two blocks, x times a factor each.
void quantize_pair(const float* x, float first, float second, std::int8_t* q, std::int32_t* sums,
                   int pitch) {
  __m512i words[4];
  for (int i = 0; i < 4; ++i) {
    const __m512 factor = _mm512_set1_ps(i < 2 ? first : second);
    words[i] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i * kLanes), factor));
  }
  const __m512i bytes = bytes_of(words);
  // Sums of eight biased bytes, then of sixteen, in the low half of each quarter.
  const __m512i biased = _mm512_xor_si512(bytes, _mm512_set1_epi8(static_cast<char>(0x80)));
  const __m512i eights = _mm512_sad_epu8(biased, _mm512_setzero_si512());
  const __m512i sixteens =
      _mm512_sub_epi32(_mm512_add_epi64(eights, _mm512_shuffle_epi32(eights, _MM_PERM_BADC)),
                       _mm512_set1_epi32(16 * 128));
  sums[0] = _mm_cvtsi128_si32(_mm512_castsi512_si128(sixteens));
  sums[pitch] = _mm_cvtsi128_si32(_mm512_extracti32x4_epi32(sixteens, 1));
  sums[2 * pitch] = _mm_cvtsi128_si32(_mm512_extracti32x4_epi32(sixteens, 2));
  sums[3 * pitch] = _mm_cvtsi128_si32(_mm512_extracti32x4_epi32(sixteens, 3));
  if (pitch == 1) {
    _mm512_storeu_si512(q, bytes);
    return;
  }
  alignas(64) std::int8_t all[2 * kBlock];
  _mm512_store_si512(all, bytes);
  for (int g = 0; g < 2 * kBlock / 4; ++g) __builtin_memcpy(q + 4 * g * pitch, all + 4 * g, 4);
}

/// 16 blocks.
void quantize_blocks(const float* x, std::int8_t* q, float* scale, std::int32_t* sums, int pitch) {
  const __m512i bits = largest_magnitudes(x);
  const __m512 amax = _mm512_castsi512_ps(bits);
  const __m512 range = _mm512_set1_ps(127);
  const __mmask16 finite = _mm512_cmplt_epu32_mask(bits, _mm512_set1_epi32(kInfinityBits));
  const __mmask16 use =
      _mm512_mask_cmp_ps_mask(finite, amax, _mm512_set1_ps(kSmallestAmax), _CMP_GE_OQ);
  const __m512 otherwise =
      _mm512_mask_mov_ps(_mm512_set1_ps(__builtin_nanf("")), finite, _mm512_setzero_ps());
  alignas(64) float inverse[kLanes], scales[kLanes];
  _mm512_store_ps(inverse, _mm512_maskz_div_ps(use, range, amax));
  _mm512_store_ps(scales, _mm512_mask_div_ps(otherwise, use, amax, range));
  for (int b = 0; b < kLanes; ++b) scale[b * pitch] = scales[b];
  alignas(64) float clean[2 * kBlock];
  for (int b = 0; b < kLanes; b += 2) {
    const float* from = x + b * kBlock;
    if ((use >> b & 3) != 3) [[unlikely]] {
      // Values that have no scale count as 0, whatever they are.
      for (int i = 0; i < 2 * kBlock; ++i) clean[i] = inverse[b + i / kBlock] == 0 ? 0 : from[i];
      from = clean;
    }
    quantize_pair(from, inverse[b], inverse[b + 1], q + b * kBlock * pitch, sums + 2 * b * pitch,
                  pitch);
  }
}

void quantize(const float* x, int blocks, std::int8_t* q, float* scale, std::int32_t* sums,
              int pitch) {
  for (; blocks >= kLanes; blocks -= kLanes) {
    quantize_blocks(x, q, scale, sums, pitch);
    x += kLanes * kBlock;
    q += kLanes * kBlock * pitch;
    scale += kLanes * pitch;
    sums += 2 * kLanes * pitch;
  }
  if (blocks == 0) return;
  // The rest, beside zeros.
  alignas(64) float padded[kLanes * kBlock] = {};
  alignas(64) std::int8_t some_q[kLanes * kBlock];
  float some_scale[kLanes];
  std::int32_t some_sums[2 * kLanes];
  __builtin_memcpy(padded, x, sizeof(float) * blocks * kBlock);
  quantize_blocks(padded, some_q, some_scale, some_sums, 1);
  for (int g = 0; g < blocks * kBlock / 4; ++g)
    __builtin_memcpy(q + 4 * g * pitch, some_q + 4 * g, 4);
  for (int b = 0; b < blocks; ++b) scale[b * pitch] = some_scale[b];
  for (int i = 0; i < 2 * blocks; ++i) sums[i * pitch] = some_sums[i];
}

template <class Dot>
constexpr Kernels make_kernels(const char* name, const char* description) {
  using Quants = QuantTable<Avx512Lanes<Dot>, Multiply<Dot>>;
  return {.name = name,
          .description = description,
          .lanes = kLanes,
          .tile = Dot::kTile,
          .quants = Quants::kRows,
          .quant_count = Quants::kCount,
          .multiply_float = FloatTile<std::make_integer_sequence<int, Dot::kTile>>::kTable,
          .quantize = quantize,
          .expand_f16 = expand_f16,
          .expand_bf16 = expand_bf16};
}

}  // namespace
}  // namespace llm::compute::cpu
