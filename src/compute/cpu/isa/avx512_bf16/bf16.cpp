// Products of BF16 weights with AVX512-BF16: AMD from Zen 4, Intel's Cooper Lake and its servers
// from Sapphire Rapids on. One instruction adds two products to each of 16 sums in f32. Activations
// are rounded to bf16.
#include <immintrin.h>

#include <cstdint>
#include <utility>

#include "compute/cpu/isa/avx512/sums.inl"
#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 16;
constexpr int kTile = 6;
constexpr int kRows = 4;  // with all tokens of a tile: 24 sums, a token and the weights

__m512bh load(const std::uint16_t* from) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
}

/// x of pack(): [tokens][x_columns].
template <int kTokens>
void multiply(const Bf16Arguments& a) {
  const std::uint16_t* x = a.x + a.column;
  const int rows = (a.rows + kRows - 1) / kRows * kRows;  // those that are not there are zeros
  for (int row = 0; row < rows; row += kRows) {
    const std::uint16_t* w = a.weights + row * a.stride;
    const std::byte* ahead = a.ahead ? a.ahead + 2 * row * a.columns : nullptr;
    __m512 acc[kTokens][kRows];
    for (int t = 0; t < kTokens; ++t) {
      for (int r = 0; r < kRows; ++r) acc[t][r] = _mm512_setzero_ps();
    }
    for (int k = 0; k < a.columns; k += kBlock) {
      if (ahead) {
        for (int r = 0; r < kRows; ++r) __builtin_prefetch(ahead + (2 * k * kRows + 64 * r), 0, 2);
      }
      __m512bh weights[kRows];
      for (int r = 0; r < kRows; ++r) weights[r] = load(w + r * a.stride + k);
      for (int t = 0; t < kTokens; ++t) {
        const __m512bh xt = load(x + t * a.x_columns + k);
        for (int r = 0; r < kRows; ++r) acc[t][r] = _mm512_dpbf16_ps(acc[t][r], weights[r], xt);
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      alignas(16) float total[kRows];
      _mm_store_ps(total, sums(acc[t][0], acc[t][1], acc[t][2], acc[t][3]));
      for (int r = 0; r < kRows; ++r) {
        float& to = a.acc[(row + r) * kBf16Tile + t];
        to = a.first ? total[r] : to + total[r];
      }
    }
  }
}

template <int... kCounts>
void multiply_one_of(const Bf16Arguments& a, std::integer_sequence<int, kCounts...>) {
  constexpr void (*kTable[])(const Bf16Arguments&) = {multiply<kCounts + 1>...};
  kTable[a.tokens - 1](a);
}

void multiply_any(const Bf16Arguments& a) {
  multiply_one_of(a, std::make_integer_sequence<int, kTile>{});
}

void pack(const float* const* x, int tokens, std::int64_t columns, std::uint16_t* to) {
  const std::int64_t all = (columns + kBlock - 1) / kBlock * kBlock;
  for (int t = 0; t < tokens; ++t, to += all) {
    for (std::int64_t k = 0; k < all; k += kLanes) {
      const std::int64_t rest = columns - k;
      const auto mask = static_cast<__mmask16>(rest >= kLanes ? 0xffff
                                               : rest > 0     ? (1u << rest) - 1
                                                              : 0);
      const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x[t] + k));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + k), reinterpret_cast<__m256i>(rounded));
    }
  }
}

}  // namespace

const Bf16Kernels kAvx512Bf16 = {
    .tile = kTile, .multiply = multiply_any, .pack = pack, .leave = nullptr};

}  // namespace llm::compute::cpu
