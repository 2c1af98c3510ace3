// Quantisers of the K types and the ternary types: 256 values, scales per group.
#include <algorithm>
#include <array>
#include <cmath>

#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/quantize.h"
#include "quant/search.h"

namespace llm::quant::quantize {
namespace {

using search::AffineSettings;
using search::nearest;

using Levels = std::array<std::uint8_t, kSuperBlock>;

float sum_of_squares(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

/// Weights of a group from the importance of its columns; returns their sum.
float weights(int n, const float* x, const float* importance, float sigma2, float* w) {
  float sum = 0;
  for (int i = 0; i < n; ++i) {
    w[i] = importance[i] * std::sqrt(sigma2 + x[i] * x[i]);
    sum += w[i];
  }
  return sum;
}

/// 2-bit fields: element 128k + 32p + l at bits 2p of byte 32k + l.
void pack_planes(const Levels& fields, std::uint8_t* qs) {
  for (int k = 0; k < 2; ++k) {
    for (int l = 0; l < 32; ++l) {
      int byte = 0;
      for (int p = 0; p < 4; ++p) byte |= (fields[128 * k + 32 * p + l] & 3) << 2 * p;
      qs[32 * k + l] = static_cast<std::uint8_t>(byte);
    }
  }
}

/// The group scales and minima of a block of a type with minima, as small integers.
template <int kGroups>
struct GroupScales {
  std::array<std::uint8_t, kGroups> scale{}, min{};
  std::uint16_t d = 0, dmin = 0;  // binary16
};

/// Rounds group values (>= 0) to 0 .. limit. Returns d in binary16.
std::uint16_t round_group_values(int groups, const float* values, int limit, std::uint8_t* out) {
  const float highest = *std::max_element(values, values + groups);
  if (!(highest > 0)) return 0;
  const float f = static_cast<float>(limit) / highest;
  for (int g = 0; g < groups; ++g)
    out[g] = static_cast<std::uint8_t>(std::clamp(nearest(f * values[g]), 0, limit));
  return float_to_half(highest / static_cast<float>(limit));
}

struct MinTypeSettings {
  AffineSettings plain;     // search without importance
  AffineSettings weighted;  // and with it
  int scale_limit;
  float sigma_factor;      // times the mean square
  bool magnitude_weights;  // plain weights |x| instead of rms + |x|
};

/// Q2_K, Q4_K, Q5_K: levels of every value and the rounded scales of the groups.
template <int kGroups>
GroupScales<kGroups> with_minima(const float* x, const float* importance,
                                 const MinTypeSettings& settings, Levels& levels) {
  constexpr int kLength = kSuperBlock / kGroups;
  const AffineSettings& search = importance ? settings.weighted : settings.plain;
  const float sigma2 =
      importance ? settings.sigma_factor * sum_of_squares(x, kSuperBlock) / kSuperBlock : 0;
  float scale[kGroups], min[kGroups], group_weight[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const float* group = x + kLength * g;
    float w[kLength];
    if (importance) {
      group_weight[g] = weights(kLength, group, importance + kLength * g, sigma2, w);
    } else {
      const float rms =
          settings.magnitude_weights ? 0 : std::sqrt(sum_of_squares(group, kLength) / kLength);
      for (int i = 0; i < kLength; ++i) w[i] = rms + std::fabs(group[i]);
    }
    const auto found = search::affine(kLength, search, group, w, &levels[kLength * g]);
    scale[g] = found.scale;
    min[g] = found.min;
  }
  GroupScales<kGroups> out;
  if (importance) {
    const int limit = settings.scale_limit;
    out.d = float_to_half(search::positive(kGroups, limit, scale, group_weight, out.scale.data()));
    out.dmin = float_to_half(search::positive(kGroups, limit, min, group_weight, out.min.data()));
  } else {
    out.d = round_group_values(kGroups, scale, settings.scale_limit, out.scale.data());
    out.dmin = round_group_values(kGroups, min, settings.scale_limit, out.min.data());
  }
  // Again with the scales as they are stored.
  for (int g = 0; g < kGroups; ++g) {
    const float d = half_to_float(out.d) * static_cast<float>(out.scale[g]);
    if (d == 0) continue;
    const float m = half_to_float(out.dmin) * static_cast<float>(out.min[g]);
    for (int i = kLength * g; i < kLength * (g + 1); ++i)
      levels[i] =
          static_cast<std::uint8_t>(std::clamp(nearest((x[i] + m) / d), 0, settings.plain.limit));
  }
  return out;
}

constexpr AffineSettings weighted_search(int limit) {
  return {.limit = limit, .first = -0.9F, .step = 0.05F, .steps = 36};
}

void pack_scales(const GroupScales<8>& scales, std::uint8_t* out) {
  ScaleMin groups[8];
  for (int g = 0; g < 8; ++g) groups[g] = {scales.scale[g], scales.min[g]};
  pack_scale_min(groups, out);
}

/// Byte 32k + l: elements 64k + l (low) and 64k + 32 + l (high).
void pack_nibble_pairs(const Levels& levels, std::uint8_t* qs) {
  for (int k = 0; k < 4; ++k)
    for (int l = 0; l < 32; ++l)
      qs[32 * k + l] = static_cast<std::uint8_t>((levels[64 * k + l] & 15) |
                                                 (levels[64 * k + 32 + l] & 15) << 4);
}

/// Q3_K, Q6_K: levels again with the stored scale d, -limit .. limit - 1 stored from 0.
void requantize_symmetric(const float* x, int n, float d, int limit, std::uint8_t* levels) {
  if (d == 0) return;
  for (int i = 0; i < n; ++i)
    levels[i] = static_cast<std::uint8_t>(std::clamp(nearest(x[i] / d), -limit, limit - 1) + limit);
}

/// Writes 16 six-bit scales, 0 .. 63.
void pack_q3_scales(const std::uint8_t (&codes)[16], std::uint8_t* s) {
  for (int g = 0; g < 8; ++g)
    s[g] = static_cast<std::uint8_t>((codes[g] & 15) | (codes[g + 8] & 15) << 4);
  for (int i = 0; i < 4; ++i) {
    int byte = 0;
    for (int k = 0; k < 4; ++k) byte |= (codes[4 * k + i] >> 4) << 2 * k;
    s[8 + i] = static_cast<std::uint8_t>(byte);
  }
}

void encode_q3_k(const float* x, BlockQ3_K& block, const float* importance) {
  Levels levels;
  float scale[16], group_weight[16];
  const float sigma2 = importance ? 2 * sum_of_squares(x, kSuperBlock) / kSuperBlock : 0;
  for (int g = 0; g < 16; ++g) {
    if (importance) {
      float w[16];
      group_weight[g] = weights(16, x + 16 * g, importance + 16 * g, sigma2, w);
      scale[g] = search::symmetric(16, 4, x + 16 * g, w, &levels[16 * g]);
    } else {
      scale[g] = search::symmetric_sweep(16, 4, x + 16 * g, &levels[16 * g]);
    }
  }
  std::uint8_t codes[16] = {};
  if (importance) {
    block.d = float_to_half(search::symmetric(16, 32, scale, group_weight, codes));
  } else if (const float extreme = search::signed_extreme(scale, 16); extreme != 0) {
    const float f = -32 / extreme;
    for (int g = 0; g < 16; ++g)
      codes[g] = static_cast<std::uint8_t>(std::clamp(nearest(f * scale[g]), -32, 31) + 32);
    block.d = float_to_half(1 / f);
  }
  for (int g = 0; g < 16; ++g) {
    const float d = half_to_float(block.d) * static_cast<float>(codes[g] - 32);
    requantize_symmetric(x + 16 * g, 16, d, 4, &levels[16 * g]);
  }
  pack_q3_scales(codes, block.scales);
  for (int i = 0; i < kSuperBlock; ++i)
    block.hmask[i % 32] |= static_cast<std::uint8_t>((levels[i] >> 2) << i / 32);
  pack_planes(levels, block.qs);
}

void encode_q6_k(const float* x, BlockQ6_K& block, const float* importance) {
  Levels levels;
  float scale[16];
  for (int g = 0; g < 16; ++g) {
    const float* w = importance ? importance + 16 * g : nullptr;
    scale[g] = search::symmetric(16, 32, x + 16 * g, w, &levels[16 * g]);
  }
  const float extreme = search::signed_extreme(scale, 16);
  if (std::fabs(extreme) < search::kTiny) return;  // the block is zero already
  const float f = -128 / extreme;
  block.d = float_to_half(1 / f);
  for (int g = 0; g < 16; ++g) {
    block.scales[g] = static_cast<std::int8_t>(std::clamp(nearest(f * scale[g]), -128, 127));
    const float d = half_to_float(block.d) * static_cast<float>(block.scales[g]);
    requantize_symmetric(x + 16 * g, 16, d, 32, &levels[16 * g]);
  }
  for (int k = 0; k < 2; ++k)
    for (int l = 0; l < 64; ++l)
      block.ql[64 * k + l] = static_cast<std::uint8_t>((levels[128 * k + l] & 15) |
                                                       (levels[128 * k + 64 + l] & 15) << 4);
  for (std::uint8_t& level : levels) level >>= 4;
  pack_planes(levels, block.qh);
}

void encode_q8_k(const float* x, BlockQ8_K& block) {
  const float extreme = search::signed_extreme(x, kSuperBlock);
  if (extreme == 0) return;
  const float f = -127 / extreme;
  for (int i = 0; i < kSuperBlock; ++i)
    block.qs[i] = static_cast<std::int8_t>(std::clamp(nearest(f * x[i]), -127, 127));
  for (int g = 0; g < 16; ++g) {
    int sum = 0;
    for (int i = 16 * g; i < 16 * (g + 1); ++i) sum += block.qs[i];
    block.bsums[g] = static_cast<std::int16_t>(sum);
  }
  block.d = 1 / f;
}

/// Levels 0, 1, 2 for -d, 0, d. Returns d.
float ternary(const float* x, Levels& levels) {
  const float d = search::largest_magnitude(x, kSuperBlock);
  const float factor = d != 0 ? 1 / d : 0;
  for (int i = 0; i < kSuperBlock; ++i)
    levels[i] = static_cast<std::uint8_t>(search::nearest_away(x[i] * factor) + 1);
  return d;
}

/// Five base-3 digits, the first the most significant, as a fraction of 256 rounded up.
std::uint8_t pack_digits(const int (&digits)[5]) {
  int value = 0;
  for (const int digit : digits) value = value * 3 + digit;
  return static_cast<std::uint8_t>((value * 256 + 242) / 243);
}

void encode_tq1_0(const float* x, BlockTQ1_0& block) {
  Levels levels;
  block.d = float_to_half(ternary(x, levels));
  const auto pack = [&](std::uint8_t* bytes, int width, int digit_count, int first) {
    for (int m = 0; m < width; ++m) {
      int digits[5] = {};
      for (int n = 0; n < digit_count; ++n) digits[n] = levels[first + n * width + m];
      bytes[m] = pack_digits(digits);
    }
  };
  pack(block.qs, 32, 5, 0);
  pack(block.qs + 32, 16, 5, 160);
  pack(block.qh, 4, 4, 240);
}

}  // namespace

void q2_k(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  static constexpr MinTypeSettings kSettings{
      .plain = {.limit = 3, .first = -0.5F, .step = 0.1F, .steps = 15, .absolute = true},
      .weighted = weighted_search(3),
      .scale_limit = 15,
      .sigma_factor = 1,
      .magnitude_weights = true};
  const auto encode = [](const float* x, BlockQ2_K& block, const float* columns) {
    Levels levels;
    const auto scales = with_minima<16>(x, columns, kSettings, levels);
    block.d = scales.d;
    block.dmin = scales.dmin;
    for (int g = 0; g < 16; ++g)
      block.scales[g] = static_cast<std::uint8_t>(scales.scale[g] | scales.min[g] << 4);
    pack_planes(levels, block.qs);
  };
  each_block<BlockQ2_K, kSuperBlock>(from, to, count, importance, encode);
}

void q3_k(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  each_block<BlockQ3_K, kSuperBlock>(from, to, count, importance, encode_q3_k);
}

void q4_k(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  static constexpr MinTypeSettings kSettings{
      .plain = {.limit = 15, .first = -1, .step = 0.1F, .steps = 20},
      .weighted = weighted_search(15),
      .scale_limit = 63,
      .sigma_factor = 2,
      .magnitude_weights = false};
  const auto encode = [](const float* x, BlockQ4_K& block, const float* columns) {
    Levels levels;
    const auto scales = with_minima<8>(x, columns, kSettings, levels);
    block.d = scales.d;
    block.dmin = scales.dmin;
    pack_scales(scales, block.scales);
    pack_nibble_pairs(levels, block.qs);
  };
  each_block<BlockQ4_K, kSuperBlock>(from, to, count, importance, encode);
}

void q5_k(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  static constexpr MinTypeSettings kSettings{
      .plain = {.limit = 31, .first = -0.5F, .step = 0.1F, .steps = 15},
      .weighted = weighted_search(31),
      .scale_limit = 63,
      .sigma_factor = 2,
      .magnitude_weights = false};
  const auto encode = [](const float* x, BlockQ5_K& block, const float* columns) {
    Levels levels;
    const auto scales = with_minima<8>(x, columns, kSettings, levels);
    block.d = scales.d;
    block.dmin = scales.dmin;
    pack_scales(scales, block.scales);
    pack_nibble_pairs(levels, block.qs);
    for (int i = 0; i < kSuperBlock; ++i)
      block.qh[i % 32] |= static_cast<std::uint8_t>((levels[i] >> 4) << i / 32);
  };
  each_block<BlockQ5_K, kSuperBlock>(from, to, count, importance, encode);
}

void q6_k(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  each_block<BlockQ6_K, kSuperBlock>(from, to, count, importance, encode_q6_k);
}

void q8_k(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockQ8_K& block, const float*) { encode_q8_k(x, block); };
  each_block<BlockQ8_K, kSuperBlock>(from, to, count, nullptr, encode);
}

void tq1_0(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockTQ1_0& b, const float*) { encode_tq1_0(x, b); };
  each_block<BlockTQ1_0, kSuperBlock>(from, to, count, nullptr, encode);
}

void tq2_0(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockTQ2_0& block, const float*) {
    Levels levels;
    block.d = float_to_half(ternary(x, levels));
    pack_planes(levels, block.qs);
  };
  each_block<BlockTQ2_0, kSuperBlock>(from, to, count, nullptr, encode);
}

}  // namespace llm::quant::quantize
