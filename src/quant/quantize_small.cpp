// Quantisers of the blocks of 32, 64 or 128 values.
#include <algorithm>
#include <bit>
#include <cmath>

#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/quantize.h"
#include "quant/search.h"
#include "quant/tables.h"

namespace llm::quant::quantize {
namespace {

using search::AffineSettings;

float inverse(float d) {
  return d != 0 ? 1 / d : 0;
}

/// Truncates; NaN and everything outside ends at a limit.
int truncated(float x, int lowest, int highest) {
  if (!(x >= static_cast<float>(lowest))) return lowest;
  if (x >= static_cast<float>(highest)) return highest;
  return static_cast<int>(x);
}

/// 32 levels of 4 bits: byte j holds j and j + 16.
void pack_nibbles(const std::uint8_t (&levels)[32], std::uint8_t (&qs)[16]) {
  for (int j = 0; j < 16; ++j)
    qs[j] = static_cast<std::uint8_t>((levels[j] & 15) | (levels[j + 16] & 15) << 4);
}

std::uint32_t fifth_bits(const std::uint8_t (&levels)[32]) {
  std::uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<std::uint32_t>(levels[i] >> 4) << i;
  return bits;
}

float mean_square(const float* x, std::int64_t count) {
  float sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += x[i] * x[i];
  return sum / static_cast<float>(count);
}

/// Weights of a block from the importance of its columns and the row's mean square.
void weights(const float* x, const float* importance, float sigma2, float (&w)[32]) {
  for (int i = 0; i < 32; ++i) w[i] = importance[i] * std::sqrt(sigma2 + x[i] * x[i]);
}

/// Q4_0 and Q5_0: x ~ d * (levels - limit). Returns d.
float symmetric_block(const float* x, int limit, const float* importance, float sigma2,
                      std::uint8_t (&levels)[32]) {
  if (importance) {
    float w[32];
    weights(x, importance, sigma2, w);
    return search::symmetric(32, limit, x, w, levels);
  }
  const float d = search::signed_extreme(x, 32) / -static_cast<float>(limit);
  const float factor = inverse(d);
  const float offset = static_cast<float>(limit) + 0.5F;
  for (int i = 0; i < 32; ++i)
    levels[i] = static_cast<std::uint8_t>(truncated(x[i] * factor + offset, 0, 2 * limit - 1));
  return d;
}

struct ScaleOffset {
  float d;
  float m;
};

/// Q4_1 and Q5_1: x ~ d * levels + m.
ScaleOffset affine_block(const float* x, int limit, const float* importance, float sigma2,
                         std::uint8_t (&levels)[32]) {
  if (importance) {
    float w[32];
    weights(x, importance, sigma2, w);
    const AffineSettings settings{.limit = limit, .first = -0.9F, .step = 0.05F, .steps = 36};
    const search::Affine found = search::affine(32, settings, x, w, levels);
    return {found.scale, -found.min};
  }
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float d = (*high - *low) / static_cast<float>(limit);
  const float factor = inverse(d);
  for (int i = 0; i < 32; ++i)
    levels[i] = static_cast<std::uint8_t>(truncated((x[i] - *low) * factor + 0.5F, 0, limit));
  return {d, *low};
}

/// Q8_0 and Q8_1. Returns d.
float eight_bits(const float* x, std::int8_t (&qs)[32]) {
  const float d = search::largest_magnitude(x, 32) / 127;
  const float factor = inverse(d);
  for (int i = 0; i < 32; ++i)
    qs[i] = static_cast<std::int8_t>(search::nearest_away(x[i] * factor));
  return d;
}

/// The E2M1 code that is nearest to x at this scale (of the doubled values), the lowest on ties.
int nearest_fp4(float x, float scale) {
  int best = 0;
  float smallest = std::fabs(x);  // code 0
  for (int i = 1; i < 16; ++i) {
    const float error = std::fabs(static_cast<float>(kFp4Levels[i]) * scale - x);
    if (error < smallest) {
      smallest = error;
      best = i;
    }
  }
  return best;
}

/// The unsigned E4M3 number nearest to v: half up, at most 448.
std::uint8_t to_e4m3(float v) {
  if (!(v > 0)) return 0;
  v = std::min(v, 448.0F);
  const auto bits = std::bit_cast<std::uint32_t>(v);
  int exponent = static_cast<int>(bits >> 23) - 127 + 7;
  if (exponent <= 0) {
    const int mantissa = std::min(static_cast<int>(v * 512 + 0.5F), 7);
    return static_cast<std::uint8_t>(mantissa);
  }
  std::uint32_t mantissa = (bits >> 20 & 7) + (bits >> 19 & 1);
  if (mantissa == 8) {
    mantissa = 0;
    ++exponent;
  }
  if (exponent >= 15) return 0x7e;
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(exponent) << 3 | mantissa);
}

}  // namespace

void q4_0(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const float sigma2 = importance ? mean_square(from, count) : 0;
  const auto encode = [&](const float* x, BlockQ4_0& block, const float* columns) {
    std::uint8_t levels[32];
    block.d = float_to_half(symmetric_block(x, 8, columns, sigma2, levels));
    pack_nibbles(levels, block.qs);
  };
  each_block<BlockQ4_0, 32>(from, to, count, importance, encode);
}

void q5_0(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const float sigma2 = importance ? mean_square(from, count) : 0;
  const auto encode = [&](const float* x, BlockQ5_0& block, const float* columns) {
    std::uint8_t levels[32];
    block.d = float_to_half(symmetric_block(x, 16, columns, sigma2, levels));
    block.qh = fifth_bits(levels);
    pack_nibbles(levels, block.qs);
  };
  each_block<BlockQ5_0, 32>(from, to, count, importance, encode);
}

void q4_1(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const float sigma2 = importance ? mean_square(from, count) : 0;
  const auto encode = [&](const float* x, BlockQ4_1& block, const float* columns) {
    std::uint8_t levels[32];
    const auto [d, m] = affine_block(x, 15, columns, sigma2, levels);
    block.d = float_to_half(d);
    block.m = float_to_half(m);
    pack_nibbles(levels, block.qs);
  };
  each_block<BlockQ4_1, 32>(from, to, count, importance, encode);
}

void q5_1(const float* from, std::byte* to, std::int64_t count, const float* importance) {
  const float sigma2 = importance ? mean_square(from, count) : 0;
  const auto encode = [&](const float* x, BlockQ5_1& block, const float* columns) {
    std::uint8_t levels[32];
    const auto [d, m] = affine_block(x, 31, columns, sigma2, levels);
    block.d = float_to_half(d);
    block.m = float_to_half(m);
    block.qh = fifth_bits(levels);
    pack_nibbles(levels, block.qs);
  };
  each_block<BlockQ5_1, 32>(from, to, count, importance, encode);
}

void q8_0(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockQ8_0& block, const float*) {
    block.d = float_to_half(eight_bits(x, block.qs));
  };
  each_block<BlockQ8_0, 32>(from, to, count, nullptr, encode);
}

void q8_1(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockQ8_1& block, const float*) {
    const float d = eight_bits(x, block.qs);
    int sum = 0;
    for (const std::int8_t q : block.qs) sum += q;
    block.d = float_to_half(d);
    block.s = float_to_half(static_cast<float>(sum) * d);
  };
  each_block<BlockQ8_1, 32>(from, to, count, nullptr, encode);
}

void q1_0(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockQ1_0& block, const float*) {
    float sum = 0;
    for (int i = 0; i < 128; ++i) {
      sum += std::fabs(x[i]);
      block.qs[i / 8] |= static_cast<std::uint8_t>((x[i] >= 0) << i % 8);
    }
    block.d = float_to_half(sum / 128);
  };
  each_block<BlockQ1_0, 128>(from, to, count, nullptr, encode);
}

void q2_0(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockQ2_0& block, const float*) {
    const float d = search::largest_magnitude(x, 64);
    const float factor = inverse(d);
    for (int i = 0; i < 64; ++i) {
      const int q = std::clamp(search::nearest_away(x[i] * factor) + 1, 0, 3);
      block.qs[i / 4] |= static_cast<std::uint8_t>(q << 2 * (i % 4));
    }
    block.d = float_to_half(d);
  };
  each_block<BlockQ2_0, 64>(from, to, count, nullptr, encode);
}

void mxfp4(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockMXFP4& block, const float*) {
    const float magnitude = search::largest_magnitude(x, 32);
    // The largest level, 6, has the exponent 2.
    const float exponent = magnitude > 0 ? std::floor(std::log2(magnitude)) - 2 + 127 : 0;
    block.e = static_cast<std::uint8_t>(truncated(exponent, 0, 254));
    const float scale = mxfp4_scale(block.e);
    std::uint8_t levels[32];
    for (int i = 0; i < 32; ++i) levels[i] = static_cast<std::uint8_t>(nearest_fp4(x[i], scale));
    pack_nibbles(levels, block.qs);
  };
  each_block<BlockMXFP4, 32>(from, to, count, nullptr, encode);
}

void nvfp4(const float* from, std::byte* to, std::int64_t count, const float*) {
  const auto encode = [](const float* x, BlockNVFP4& block, const float*) {
    for (int g = 0; g < 4; ++g) {
      const float* group = x + 16 * g;
      block.d[g] = to_e4m3(search::largest_magnitude(group, 16) / 6);
      const float scale = nvfp4_scale(block.d[g]);
      for (int j = 0; j < 8; ++j) {
        const int low = nearest_fp4(group[j], scale);
        const int high = nearest_fp4(group[j + 8], scale);
        block.qs[8 * g + j] = static_cast<std::uint8_t>(low | high << 4);
      }
    }
  };
  each_block<BlockNVFP4, 64>(from, to, count, nullptr, encode);
}

}  // namespace llm::quant::quantize
