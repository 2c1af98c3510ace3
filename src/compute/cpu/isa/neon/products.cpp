// Products with NEON and its integer dot product (sdot): ARMv8.2 with dotprod, that is Cortex-A76,
// Neoverse N1, Apple M1 and later.
#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "compute/cpu/isa/generic/unpack.inl"
#include "compute/cpu/isa/neon/lanes.inl"
#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 4;
// 6 x 2 integer and as many float accumulators, two weights and a broadcast leave a few of the 32
// registers.
constexpr int kTile = 6;

int8x16_t broadcast(const std::int8_t* x) {
  std::int32_t word;
  std::memcpy(&word, x, sizeof(word));
  return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

/// See MultiplyArguments and the order of operations in kernels.h.
template <int kStep, bool kOffset, int kTokens, int kWidth>
void multiply(const MultiplyArguments& a) {
  constexpr int kPitch = kWidth * kLanes;
  const auto* q = reinterpret_cast<const std::int8_t*>(a.q);
  const std::int8_t* x = a.x;
  const float* scale = a.scale;
  const float* offset = a.offset;
  const std::int32_t* start = a.x_start;
  const float* sum = a.x_sum;
  float32x4_t acc[kTokens][kWidth];
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kWidth; ++v) {
      acc[t][v] = a.first ? vdupq_n_f32(0) : vld1q_f32(a.acc + t * kPitch + v * kLanes);
    }
  }
  // Of the next kStep columns: the integers, and the scale of the rows.
  const auto next_step = [&](float32x4_t(&value)[kTokens][kWidth], float32x4_t(&s)[kWidth]) {
    int32x4_t dot[kTokens][kWidth];
    for (int t = 0; t < kTokens; ++t) {
      for (int v = 0; v < kWidth; ++v) dot[t][v] = vdupq_n_s32(kOffset ? 0 : start[t]);
    }
#pragma GCC unroll 8
    for (int g = 0; g < kStep / 4; ++g) {
      int8x16_t w[kWidth];
      for (int v = 0; v < kWidth; ++v) w[v] = vld1q_s8(q + 4 * v * kLanes);
      for (int t = 0; t < kTokens; ++t) {
        const int8x16_t xt = broadcast(x + 4 * t);
        for (int v = 0; v < kWidth; ++v) dot[t][v] = vdotq_s32(dot[t][v], w[v], xt);
      }
      q += 4 * kPitch;
      x += 4 * kTokens;
    }
    for (int v = 0; v < kWidth; ++v) {
      s[v] = vld1q_f32(scale + v * kLanes);
      for (int t = 0; t < kTokens; ++t) value[t][v] = vcvtq_f32_s32(dot[t][v]);
    }
    scale += kPitch;
    start += kOffset ? 0 : kTokens;
  };
  const auto add_offsets = [&](float32x4_t(&total)[kTokens][kWidth]) {
    for (int v = 0; v < kWidth; ++v) {
      const float32x4_t o = vld1q_f32(offset + v * kLanes);
      for (int t = 0; t < kTokens; ++t) {
        total[t][v] = vfmaq_f32(total[t][v], o, vdupq_n_f32(sum[t]));
      }
    }
    offset += kPitch;
    sum += kTokens;
  };
  for (int block = 0; block < a.blocks; ++block) {
    float32x4_t total[kTokens][kWidth], value[kTokens][kWidth], s[kWidth];
    next_step(value, s);
    for (int t = 0; t < kTokens; ++t) {
      for (int v = 0; v < kWidth; ++v) total[t][v] = vmulq_f32(value[t][v], s[v]);
    }
    if constexpr (kOffset) add_offsets(total);
    if constexpr (kStep < kBlock) {
      next_step(value, s);
      for (int t = 0; t < kTokens; ++t) {
        for (int v = 0; v < kWidth; ++v) total[t][v] = vfmaq_f32(total[t][v], value[t][v], s[v]);
      }
      if constexpr (kOffset) add_offsets(total);
    }
    for (int t = 0; t < kTokens; ++t) {
      const float32x4_t xs = vdupq_n_f32(a.x_scale[block * kTokens + t]);
      for (int v = 0; v < kWidth; ++v) acc[t][v] = vfmaq_f32(acc[t][v], total[t][v], xs);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kWidth; ++v) vst1q_f32(a.acc + t * kPitch + v * kLanes, acc[t][v]);
  }
}

template <int kStep, bool kOffset, class Counts = std::make_integer_sequence<int, kTile>>
struct Tile;
template <int kStep, bool kOffset, int... kCounts>
struct Tile<kStep, kOffset, std::integer_sequence<int, kCounts...>> {
  static constexpr MultiplyFunction kTable[kTile][kMaxPanelWidth] = {
      {multiply<kStep, kOffset, kCounts + 1, 1>, multiply<kStep, kOffset, kCounts + 1, 2>}...};
};

struct Multiply {
  /// Panels win earlier where a quant block needs more accumulators than there are registers.
  static constexpr int direct_tokens(int block_columns) { return block_columns == 32 ? 4 : 1; }
  template <int kStep, bool kOffset, int kLargest>
  static constexpr auto table() {
    return Tile<kStep, kOffset>::kTable;
  }
};

// ---- F32, F16, BF16 weights

/// The sums of four vectors; each in the same tree, whichever place it has.
float32x4_t sums(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d) {
  return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}

/// The first `count` < 4 floats at p, the others 0.
float32x4_t load_rest(const float* p, int count) {
  float some[kLanes] = {};
  std::memcpy(some, p, sizeof(float) * static_cast<std::size_t>(count));
  return vld1q_f32(some);
}

template <int kTokens, int kRows>
void multiply_float(const FloatMultiplyArguments& a) {
  float32x4_t acc[kTokens][kRows];
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) acc[t][r] = vdupq_n_f32(0);
  }
  const auto step = [&](int k, auto load) {
    float32x4_t w[kRows];
    for (int r = 0; r < kRows; ++r) w[r] = load(a.weights + r * a.stride + k);
    for (int t = 0; t < kTokens; ++t) {
      const float32x4_t x = load(a.x[t] + k);
      for (int r = 0; r < kRows; ++r) acc[t][r] = vfmaq_f32(acc[t][r], w[r], x);
    }
  };
  int k = 0;
  for (; k + kLanes <= a.columns; k += kLanes) {
    step(k, [](const float* p) { return vld1q_f32(p); });
  }
  if (const int rest = a.columns - k; rest > 0) {
    step(k, [rest](const float* p) { return load_rest(p, rest); });
  }
  for (int t = 0; t < kTokens; ++t) {
    float* to = a.acc + t * a.acc_pitch;
    if constexpr (kRows == kFloatRows) {
      float32x4_t y = sums(acc[t][0], acc[t][1], acc[t][2], acc[t][3]);
      if (!a.first) y = vaddq_f32(vld1q_f32(to), y);
      vst1q_f32(to, y);
    } else {
      const float y = vgetq_lane_f32(sums(acc[t][0], acc[t][0], acc[t][0], acc[t][0]), 0);
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

/// kConvert turns four 16-bit numbers into floats.
template <float32x4_t (*kConvert)(uint16x4_t)>
void expand(const std::byte* from, float* to, std::int64_t count) {
  const auto* p = reinterpret_cast<const std::uint16_t*>(from);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) vst1q_f32(to + i, kConvert(vld1_u16(p + i)));
  if (i == count) return;
  const auto rest = static_cast<std::size_t>(count - i);
  std::uint16_t some[kLanes] = {};
  float floats[kLanes];
  std::memcpy(some, p + i, sizeof(std::uint16_t) * rest);
  vst1q_f32(floats, kConvert(vld1_u16(some)));
  std::memcpy(to + i, floats, sizeof(float) * rest);
}

float32x4_t from_f16(uint16x4_t x) {
  return vcvt_f32_f16(vreinterpret_f16_u16(x));
}
float32x4_t from_bf16(uint16x4_t x) {
  return vreinterpretq_f32_u32(vshll_n_u16(x, 16));
}

// ---- Activations

/// The largest magnitude of a block, as bits: they sort like integers, with NaN highest.
std::uint32_t largest_magnitude(const float* x) {
  uint32x4_t largest = vdupq_n_u32(0);
  for (int i = 0; i < kBlock; i += kLanes) {
    const uint32x4_t bits = vreinterpretq_u32_f32(vld1q_f32(x + i));
    largest = vmaxq_u32(largest, vandq_u32(bits, vdupq_n_u32(0x7fffffff)));
  }
  return vmaxvq_u32(largest);
}

/// 16 values times a factor, as bytes.
int8x16_t rounded(const float* x, float factor) {
  int32x4_t words[4];
  for (int i = 0; i < 4; ++i) {
    words[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i * kLanes), factor));
  }
  return vcombine_s8(vqmovn_s16(vcombine_s16(vqmovn_s32(words[0]), vqmovn_s32(words[1]))),
                     vqmovn_s16(vcombine_s16(vqmovn_s32(words[2]), vqmovn_s32(words[3]))));
}

void quantize(const float* x, int blocks, std::int8_t* q, float* scale, std::int32_t* sums,
              int pitch) {
  for (int b = 0; b < blocks; ++b, x += kBlock, q += kBlock * pitch) {
    const std::uint32_t bits = largest_magnitude(x);
    const float amax = vgetq_lane_f32(vreinterpretq_f32_u32(vdupq_n_u32(bits)), 0);
    const bool is_finite = bits < kInfinityBits;
    const float inverse = is_finite && amax >= kSmallestAmax ? 127.0f / amax : 0.0f;
    scale[b * pitch] = inverse == 0 ? (is_finite ? 0.0f : __builtin_nanf("")) : amax / 127.0f;
    for (int half = 0; half < 2; ++half) {
      const int8x16_t bytes = inverse == 0 ? vdupq_n_s8(0) : rounded(x + 16 * half, inverse);
      sums[(2 * b + half) * pitch] = vaddlvq_s8(bytes);
      std::int8_t all[16];
      vst1q_s8(all, bytes);
      for (int g = 0; g < 4; ++g) std::memcpy(q + (4 * half + g) * 4 * pitch, all + 4 * g, 4);
    }
  }
}

using Quants = QuantTable<NeonLanes, Multiply>;

}  // namespace

const Kernels kNeonKernels = {
    .name = "neon",
    .description = "NEON with dot products",
    .lanes = kLanes,
    .tile = kTile,
    .quants = Quants::kRows,
    .quant_count = Quants::kCount,
    .multiply_float = FloatTile<std::make_integer_sequence<int, kTile>>::kTable,
    .quantize = quantize,
    .expand_f16 = expand<from_f16>,
    .expand_bf16 = expand<from_bf16>};

}  // namespace llm::compute::cpu
