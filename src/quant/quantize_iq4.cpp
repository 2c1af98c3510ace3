// Quantisers of the types with sixteen uneven levels.
#include <algorithm>
#include <cmath>

#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/quantize.h"
#include "quant/search.h"
#include "quant/tables.h"

namespace llm::quant::quantize {
namespace {

constexpr int kTries = 7;  // scales tried on each side of the first
constexpr float kLowest = kIq4Levels[0];

/// The level nearest to x; a midpoint goes to the upper one.
std::uint8_t nearest_level(float x) {
  int upper = 0;  // the number of levels <= x
  for (const std::int8_t level : kIq4Levels) upper += x >= static_cast<float>(level);
  if (upper == 0) return 0;
  if (upper == 16) return 15;
  const float below = x - static_cast<float>(kIq4Levels[upper - 1]);
  const float above = static_cast<float>(kIq4Levels[upper]) - x;
  return static_cast<std::uint8_t>(below < above ? upper - 1 : upper);
}

void nearest_levels(const float* x, float f, std::uint8_t* levels) {
  for (int i = 0; i < 32; ++i) levels[i] = nearest_level(f * x[i]);
}

struct Fit {
  float xq = 0;  // sum w q x
  float qq = 0;  // sum w q q
};

Fit fit(const float* x, const float* w, const std::uint8_t* levels) {
  Fit sums;
  for (int i = 0; i < 32; ++i) {
    const float q = kIq4Levels[levels[i]];
    sums.xq += w[i] * q * x[i];
    sums.qq += w[i] * q * q;
  }
  return sums;
}

/// The scale of 32 values. `levels` are those of the first scale, which are good enough where no
/// further scales are tried.
float best_scale(const float* x, const float* w, int tries, std::uint8_t* levels) {
  const float extreme = search::signed_extreme(x, 32);
  if (std::fabs(extreme) < search::kTiny) {
    std::fill_n(levels, 32, std::uint8_t{0});
    return 0;
  }
  float d = tries > 0 ? -extreme / kLowest : extreme / kLowest;
  nearest_levels(x, 1 / d, levels);
  Fit sums = fit(x, w, levels);
  d = sums.xq / sums.qq;
  float best = d * sums.xq;
  for (int i = -tries; i <= tries; ++i) {
    std::uint8_t tried[32];
    nearest_levels(x, (static_cast<float>(i) + kLowest) / extreme, tried);
    sums = fit(x, w, tried);
    if (sums.qq > 0 && sums.xq * sums.xq > best * sums.qq) {
      d = sums.xq / sums.qq;
      best = d * sums.xq;
    }
  }
  return d;
}

void group_weights(const float* x, const float* importance, float sigma2, float* w) {
  for (int i = 0; i < 32; ++i)
    w[i] = importance ? importance[i] * std::sqrt(sigma2 + x[i] * x[i]) : x[i] * x[i];
}

/// Twice the mean square of a block.
float twice_mean_square(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return 2 * sum / static_cast<float>(n);
}

void pack(const std::uint8_t* levels, std::uint8_t* qs) {
  for (int j = 0; j < 16; ++j) qs[j] = static_cast<std::uint8_t>(levels[j] | levels[j + 16] << 4);
}

void encode_iq4_xs(const float* x, BlockIQ4_XS& block, const float* importance) {
  const float sigma2 = twice_mean_square(x, kSuperBlock);
  float scale[8];
  std::uint8_t levels[32];
  for (int g = 0; g < 8; ++g) {
    float w[32];
    group_weights(x + 32 * g, importance ? importance + 32 * g : nullptr, sigma2, w);
    scale[g] = best_scale(x + 32 * g, w, kTries, levels);
  }
  const float d = -search::signed_extreme(scale, 8) / 32;
  const float factor = d != 0 ? 1 / d : 0;
  block.d = float_to_half(d);
  for (int g = 0; g < 8; ++g) {
    const int code = std::clamp(search::nearest(factor * scale[g]), -32, 31);
    const float group_d = d * static_cast<float>(code);
    nearest_levels(x + 32 * g, group_d != 0 ? 1 / group_d : 0, levels);
    pack(levels, block.qs + 16 * g);
    const int stored = code + 32;
    block.scales_l[g / 2] |= static_cast<std::uint8_t>((stored & 15) << g % 2 * 4);
    block.scales_h = static_cast<std::uint16_t>(block.scales_h | (stored >> 4) << 2 * g);
  }
}

}  // namespace

void iq4_nl(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const auto encode = [](const float* x, BlockIQ4_NL& block, const float* columns) {
    float w[32];
    group_weights(x, columns, twice_mean_square(x, 32), w);
    std::uint8_t levels[32];
    const float d = best_scale(x, w, kTries, levels);
    nearest_levels(x, d != 0 ? 1 / d : 0, levels);
    block.d = float_to_half(d);
    pack(levels, block.qs);
  };
  each_block<BlockIQ4_NL, 32>(from, to, count, importance, encode);
}

void iq4_nl_quick(const float* from, std::byte* to, std::int64_t count) {
  const auto encode = [](const float* x, BlockIQ4_NL& block, const float*) {
    float w[32];
    group_weights(x, nullptr, 0, w);
    std::uint8_t levels[32];
    block.d = float_to_half(best_scale(x, w, -1, levels));
    pack(levels, block.qs);
  };
  each_block<BlockIQ4_NL, 32>(from, to, count, nullptr, encode);
}

void iq4_xs(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  each_block<BlockIQ4_XS, kSuperBlock>(from, to, count, importance, encode_iq4_xs);
}

}  // namespace llm::quant::quantize
