// Products of BF16 weights with AMX, the matrix unit of Intel's servers from Sapphire Rapids on. It
// multiplies 16 weight rows by up to 16 columns of numbers in bf16 and adds in f32. Activations are
// sums of two such numbers, exact to 16 bits; as the unit is as fast for one token as for many,
// they take the same way at every size of the batch.
#include <immintrin.h>

#include <cstdint>

#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 16;
constexpr int kTileRows = 16;
constexpr int kTileBytes = 64;  // of a row

// Both parts of so many tokens lie in one tile: x [columns / 2][both parts][tokens][2]. Of more
// tokens the second parts follow the first: x [both parts][columns / 2][tokens][2].
constexpr int kSharedTokens = 8;

/// The operand of LDTILECFG (Intel's Instruction Set Extensions Reference, 3.2).
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// Tiles; the compiler must know the numbers. Two groups of 16 rows times both parts of the tokens.
#define HIGH_SUMS_0 0  // and the low ones, where tiles are shared
#define HIGH_SUMS_1 1
#define LOW_SUMS_0 2
#define LOW_SUMS_1 3
#define X_HIGH 4
#define X_LOW 5
#define ROWS 6

thread_local int shaped_for = 0;  // bytes of a row of x; 0: nothing

/// Shapes the tiles unless they are: it takes as long as a few products.
void shape(int x_bytes) {
  if (shaped_for == x_bytes) return;
  TileShapes shapes;
  for (int tile = HIGH_SUMS_0; tile <= ROWS; ++tile) {
    shapes.rows[tile] = kTileRows;
    shapes.row_bytes[tile] = static_cast<std::uint16_t>(tile == ROWS ? kTileBytes : x_bytes);
  }
  _tile_loadconfig(&shapes);
  shaped_for = x_bytes;
}

void leave() {
  if (shaped_for != 0) _tile_release();
  shaped_for = 0;
}

void ask_for(const std::byte* from, int lines) {
  for (int i = 0; i < lines; ++i) __builtin_prefetch(from + i * kTileBytes, 0, 2);
}

template <int kGroups, bool kShared>
void multiply(const Bf16Arguments& a) {
  const int x_bytes = (kShared ? 8 : 4) * a.tokens;
  shape(x_bytes);
  _tile_zero(HIGH_SUMS_0);
  _tile_zero(HIGH_SUMS_1);
  _tile_zero(LOW_SUMS_0);
  _tile_zero(LOW_SUMS_1);
  const std::int64_t row_bytes = 2 * a.stride;
  const std::uint16_t* x = a.x + (kShared ? 2 : 1) * a.column * a.tokens;
  const std::uint16_t* x_low = a.x + (a.x_columns + a.column) * a.tokens;
  for (int k = 0; k < a.columns; k += kBlock) {
    constexpr int kLines = kGroups * kTileRows;  // of weights that this round reads
    if (a.ahead) ask_for(a.ahead + k / kBlock * kLines * kTileBytes, kLines);
    _tile_loadd(X_HIGH, x + (kShared ? 2 : 1) * k * a.tokens, x_bytes);
    if constexpr (!kShared) _tile_loadd(X_LOW, x_low + k * a.tokens, x_bytes);
    _tile_loadd(ROWS, a.weights + k, row_bytes);
    _tile_dpbf16ps(HIGH_SUMS_0, ROWS, X_HIGH);
    if constexpr (!kShared) _tile_dpbf16ps(LOW_SUMS_0, ROWS, X_LOW);
    if constexpr (kGroups == 2) {
      _tile_loadd(ROWS, a.weights + k + kTileRows * a.stride, row_bytes);
      _tile_dpbf16ps(HIGH_SUMS_1, ROWS, X_HIGH);
      if constexpr (!kShared) _tile_dpbf16ps(LOW_SUMS_1, ROWS, X_LOW);
    }
  }
  alignas(64) float high[kGroups * kTileRows][kBf16Tile], low[kGroups * kTileRows][kBf16Tile];
  _tile_stored(HIGH_SUMS_0, high[0], kTileBytes);
  if constexpr (!kShared) _tile_stored(LOW_SUMS_0, low[0], kTileBytes);
  if constexpr (kGroups == 2) {
    _tile_stored(HIGH_SUMS_1, high[kTileRows], kTileBytes);
    if constexpr (!kShared) _tile_stored(LOW_SUMS_1, low[kTileRows], kTileBytes);
  }
  const auto mask = static_cast<__mmask16>((1u << a.tokens) - 1);
  for (int r = 0; r < a.rows; ++r) {
    const float* second = kShared ? high[r] + a.tokens : low[r];
    __m512 sum =
        _mm512_add_ps(_mm512_maskz_loadu_ps(mask, high[r]), _mm512_maskz_loadu_ps(mask, second));
    float* acc = a.acc + r * kBf16Tile;
    if (!a.first) sum = _mm512_add_ps(_mm512_load_ps(acc), sum);
    _mm512_store_ps(acc, sum);
  }
}

void multiply_any(const Bf16Arguments& a) {
  const bool shared = a.tokens <= kSharedTokens;
  if (a.rows > kTileRows) {
    shared ? multiply<2, true>(a) : multiply<2, false>(a);
  } else {
    shared ? multiply<1, true>(a) : multiply<1, false>(a);
  }
}

// ---- Activations

__m256i high_words(__m512i x) {
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(x, 16));
}

/// Rounds to the nearest bf16, ties to even; what is not finite stays that.
__m512i rounded(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  constexpr int kNanOrInfinity = 0x01 | 0x08 | 0x10 | 0x80;
  const __mmask16 other = _mm512_fpclass_ps_mask(x, kNanOrInfinity);
  const __m512i kept = _mm512_mask_blend_epi32(other, up, bits);
  return _mm512_and_si512(kept, _mm512_set1_epi32(static_cast<int>(0xffff0000)));
}

/// 32 columns of one token, or `count` and zeros -> 16 pairs of both parts.
void split(const float* x, std::int64_t count, std::uint32_t* high, std::uint32_t* low) {
  __m256i parts[2][2];
  for (int half = 0; half < 2; ++half) {
    const std::int64_t rest = count - half * kLanes;
    const auto mask = static_cast<__mmask16>(rest >= kLanes ? 0xffff
                                             : rest > 0     ? (1u << rest) - 1
                                                            : 0);
    const __m512 value = _mm512_maskz_loadu_ps(mask, x + half * kLanes);
    const __m512i first = rounded(value);
    parts[0][half] = high_words(first);
    parts[1][half] = high_words(rounded(_mm512_sub_ps(value, _mm512_castsi512_ps(first))));
  }
  _mm512_store_si512(high, _mm512_inserti64x4(_mm512_castsi256_si512(parts[0][0]), parts[0][1], 1));
  _mm512_store_si512(low, _mm512_inserti64x4(_mm512_castsi256_si512(parts[1][0]), parts[1][1], 1));
}

/// [16][16] -> to [16][16], turned.
void transpose(const std::uint32_t (&from)[kTileRows][kLanes], std::uint32_t* to) {
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_load_si512(from[i]);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {  // a[i + j]: column j of each quarter, of rows i .. i + 3
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  constexpr int kEven = 0x88, kOdd = 0xdd;
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(a[j], a[4 + j], kEven);
    const __m512i odd_low = _mm512_shuffle_i32x4(a[j], a[4 + j], kOdd);
    const __m512i even_high = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], kEven);
    const __m512i odd_high = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], kOdd);
    _mm512_storeu_si512(to + 16 * j, _mm512_shuffle_i32x4(even_low, even_high, kEven));
    _mm512_storeu_si512(to + 16 * (4 + j), _mm512_shuffle_i32x4(odd_low, odd_high, kEven));
    _mm512_storeu_si512(to + 16 * (8 + j), _mm512_shuffle_i32x4(even_low, even_high, kOdd));
    _mm512_storeu_si512(to + 16 * (12 + j), _mm512_shuffle_i32x4(odd_low, odd_high, kOdd));
  }
}

void pack(const float* const* x, int tokens, std::int64_t columns, std::uint16_t* to) {
  const bool shared = tokens <= kSharedTokens;
  const std::int64_t all = (columns + kBlock - 1) / kBlock * kBlock;
  const int pitch = shared ? 2 * tokens : tokens;
  auto* high = reinterpret_cast<std::uint32_t*>(to);
  std::uint32_t* low = high + (shared ? tokens : tokens * all / 2);
  alignas(64) std::uint32_t parts[2][kTileRows][kLanes];
  for (std::int64_t k = 0; k < columns; k += kBlock) {
    for (int t = 0; t < tokens; ++t) split(x[t] + k, columns - k, parts[0][t], parts[1][t]);
    for (int part = 0; part < 2; ++part) {
      std::uint32_t* pairs = (part == 0 ? high : low) + k / 2 * pitch;
      if (tokens == kTileRows) {
        transpose(parts[part], pairs);
        continue;
      }
      for (int pair = 0; pair < kLanes; ++pair) {
        for (int t = 0; t < tokens; ++t) pairs[pair * pitch + t] = parts[part][t][pair];
      }
    }
  }
}

}  // namespace

const Bf16Kernels kAmxBf16 = {
    .tile = kBf16Tile, .multiply = multiply_any, .pack = pack, .leave = leave};

}  // namespace llm::compute::cpu
