// Products in plain C++: for machines without a folder of their own, and the plain twin of those.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "compute/cpu/isa/generic/unpack.inl"
#include "compute/cpu/isa/portable/lanes.inl"
#include "compute/cpu/isa/tables.h"
#include "compute/cpu/kernels.h"

namespace llm::compute::cpu {
namespace {

constexpr int kLanes = 8;
constexpr int kTile = 2;

/// sum += the products of four neighbouring columns, for each row of the panel.
template <int kRows>
void add_products(const std::uint8_t* q, const std::int8_t* x, std::int32_t (&sum)[kRows]) {
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < 4; ++i) sum[r] += q[4 * r + i] * x[i];
  }
}

template <int kStep, bool kOffset, int kTokens, int kWidth>
void multiply(const MultiplyArguments& a) {
  constexpr int kRows = kWidth * kLanes;
  constexpr int kParts = kBlock / kStep;
  if (a.first) std::fill_n(a.acc, kTokens * kRows, 0.0f);
  for (int block = 0; block < a.blocks; ++block) {
    for (int t = 0; t < kTokens; ++t) {
      float total[kRows] = {};
      for (int part = 0; part < kParts; ++part) {
        const std::int64_t step = block * kParts + part;
        std::int32_t sum[kRows];
        std::fill_n(sum, kRows, kOffset ? 0 : a.x_start[step * kTokens + t]);
        for (int g = 0; g < kStep / 4; ++g) {
          const std::int64_t group = step * (kStep / 4) + g;
          add_products(a.q + group * 4 * kRows, a.x + (group * kTokens + t) * 4, sum);
        }
        for (int r = 0; r < kRows; ++r) {
          total[r] += static_cast<float>(sum[r]) * a.scale[step * kRows + r];
          if (kOffset) total[r] += a.offset[step * kRows + r] * a.x_sum[step * kTokens + t];
        }
      }
      float* acc = a.acc + t * kRows;
      for (int r = 0; r < kRows; ++r) acc[r] += total[r] * a.x_scale[block * kTokens + t];
    }
  }
}

struct Multiply {
  static constexpr int direct_tokens(int /*block_columns*/) { return 0; }
  template <int kStep, bool kOffset>
  static constexpr MultiplyFunction kTable[kTile][kMaxPanelWidth] = {
      {multiply<kStep, kOffset, 1, 1>, multiply<kStep, kOffset, 1, 2>},
      {multiply<kStep, kOffset, 2, 1>, multiply<kStep, kOffset, 2, 2>},
  };
  template <int kStep, bool kOffset, int kLargest>
  static constexpr auto table() {
    return kTable<kStep, kOffset>;
  }
};

template <int kTokens, int kRows>
void multiply_float(const FloatMultiplyArguments& a) {
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) {
      const float* w = a.weights + r * a.stride;
      const float* x = a.x[t];
      float sum[kLanes] = {};
      int k = 0;
      for (; k + kLanes <= a.columns; k += kLanes) {
        for (int i = 0; i < kLanes; ++i) sum[i] += w[k + i] * x[k + i];
      }
      for (; k < a.columns; ++k) sum[k % kLanes] += w[k] * x[k];
      const float y =
          ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
      float& to = a.acc[t * a.acc_pitch + r];
      to = a.first ? y : to + y;
    }
  }
}

constexpr FloatMultiplyFunction kMultiplyFloat[kTile][2] = {
    {multiply_float<1, 1>, multiply_float<1, kFloatRows>},
    {multiply_float<2, 1>, multiply_float<2, kFloatRows>},
};

template <float (*kConvert)(std::uint16_t)>
void expand(const std::byte* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + 2 * i, sizeof(bits));
    to[i] = kConvert(bits);
  }
}

void quantize(const float* x, int blocks, std::int8_t* q, float* scale, std::int32_t* sums,
              int pitch) {
  for (int b = 0; b < blocks; ++b, x += kBlock) {
    std::uint32_t bits = 0;  // as integers the magnitudes sort alike, and NaN is the largest
    for (int i = 0; i < kBlock; ++i) {
      bits = std::max(bits, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffff);
    }
    const float amax = std::bit_cast<float>(bits);
    float inverse = 0;
    if (bits < kInfinityBits && amax >= kSmallestAmax) inverse = 127.0f / amax;
    scale[b * pitch] = inverse == 0 ? 0 : amax / 127.0f;
    if (bits >= kInfinityBits) scale[b * pitch] = std::numeric_limits<float>::quiet_NaN();
    for (int half = 0; half < 2; ++half) {
      std::int32_t sum = 0;
      for (int i = 16 * half; i < 16 * half + 16; ++i) {
        const float value = inverse == 0 ? 0 : std::nearbyint(x[i] * inverse);
        const auto rounded = static_cast<std::int8_t>(value);
        q[i / 4 * 4 * pitch + i % 4] = rounded;
        sum += rounded;
      }
      sums[(2 * b + half) * pitch] = sum;
    }
    q += kBlock * pitch;
  }
}

using Quants = QuantTable<PortableLanes, Multiply>;

}  // namespace

const Kernels kPortableKernels = {.name = "portable",
                                  .description = "portable code",
                                  .lanes = kLanes,
                                  .tile = kTile,
                                  .quants = Quants::kRows,
                                  .quant_count = Quants::kCount,
                                  .multiply_float = kMultiplyFloat,
                                  .quantize = quantize,
                                  .expand_f16 = expand<quant::half_to_float>,
                                  .expand_bf16 = expand<quant::bfloat_to_float>};

}  // namespace llm::compute::cpu
