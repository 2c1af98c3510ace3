// Types that store groups of values as indices into a codebook.
#include <bit>
#include <cstring>

#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/half.h"
#include "quant/tables.h"

namespace llm::quant::dequantize {
namespace {

/// The bytes of `row` negated where the bit of `signs` is set. No byte of a row is 0, so the
/// additions do not carry from byte to byte.
inline std::uint64_t with_signs(std::uint64_t row, unsigned signs) {
  const std::uint64_t mask = kSignMasks[signs];
  return (row ^ mask) + (mask & 0x0101010101010101);
}

/// Eight signed bytes times `scale`.
inline void put8(std::uint64_t row, float scale, float* out) {
  std::int8_t values[8];
  std::memcpy(values, &row, 8);
  for (int j = 0; j < 8; ++j) out[j] = scale * static_cast<float>(values[j]);
}

/// Eight values of -1, 0, 1 shifted by delta, times `scale`.
inline void put8_shifted(std::uint64_t row, float delta, float scale, float* out) {
  std::int8_t values[8];
  std::memcpy(values, &row, 8);
  for (int j = 0; j < 8; ++j) out[j] = scale * (static_cast<float>(values[j]) + delta);
}

/// The scale of IQ2 types from a 4-bit code.
inline float iq2_scale(float d, unsigned code) {
  return d * (0.5F + static_cast<float>(code)) * 0.25F;
}

inline std::uint64_t pair(std::uint32_t low, std::uint32_t high) {
  return low | static_cast<std::uint64_t>(high) << 32;
}

}  // namespace

void iq2_xxs(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ2_XXS, kSuperBlock>(from, to, count, [](const BlockIQ2_XXS& block, float* out) {
    const float d = half_to_float(block.d);
    for (const auto& group : block.groups) {
      const float scale = iq2_scale(d, group.signs >> 28);
      for (int l = 0; l < 4; ++l, out += 8) {
        const unsigned signs = kEvenSigns[group.signs >> (7 * l) & 127];
        put8(with_signs(kIq2XxsGrid[group.grid[l]], signs), scale, out);
      }
    }
  });
}

void iq2_xs(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ2_XS, kSuperBlock>(from, to, count, [](const BlockIQ2_XS& block, float* out) {
    const float d = half_to_float(block.d);
    for (int k = 0; k < 32; ++k, out += 8) {
      const float scale = iq2_scale(d, block.scales[k / 4] >> (k / 2 % 2 * 4) & 15);
      const unsigned q = block.qs[k];
      put8(with_signs(kIq2XsGrid[q & 511], kEvenSigns[q >> 9]), scale, out);
    }
  });
}

void iq2_s(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ2_S, kSuperBlock>(from, to, count, [](const BlockIQ2_S& block, float* out) {
    const float d = half_to_float(block.d);
    for (int k = 0; k < 32; ++k, out += 8) {
      const float scale = iq2_scale(d, block.scales[k / 4] >> (k / 2 % 2 * 4) & 15);
      const unsigned index = block.qs[k] | (block.qh[k / 4] >> (2 * (k % 4)) & 3) << 8;
      put8(with_signs(kIq2SGrid[index], block.signs[k]), scale, out);
    }
  });
}

void iq3_xxs(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ3_XXS, kSuperBlock>(from, to, count, [](const BlockIQ3_XXS& block, float* out) {
    const float d = half_to_float(block.d);
    for (int k = 0; k < 32; ++k, out += 8) {
      const std::uint32_t codes = block.signs[k / 4];
      const float scale = d * (0.5F + static_cast<float>(codes >> 28)) * 0.5F;
      const std::uint64_t row =
          pair(kIq3XxsGrid[block.qs[2 * k]], kIq3XxsGrid[block.qs[2 * k + 1]]);
      put8(with_signs(row, kEvenSigns[codes >> (7 * (k % 4)) & 127]), scale, out);
    }
  });
}

void iq3_s(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ3_S, kSuperBlock>(from, to, count, [](const BlockIQ3_S& block, float* out) {
    const float d = half_to_float(block.d);
    const auto index = [&](int quad) {
      return block.qs[quad] | (block.qh[quad / 8] >> (quad % 8) & 1) << 8;
    };
    for (int k = 0; k < 32; ++k, out += 8) {
      const int code = block.scales[k / 8] >> (k / 4 % 2 * 4) & 15;
      const float scale = d * static_cast<float>(1 + 2 * code);
      const std::uint64_t row = pair(kIq3SGrid[index(2 * k)], kIq3SGrid[index(2 * k + 1)]);
      put8(with_signs(row, block.signs[k]), scale, out);
    }
  });
}

void iq1_s(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ1_S, kSuperBlock>(from, to, count, [](const BlockIQ1_S& block, float* out) {
    const float d = half_to_float(block.d);
    for (int k = 0; k < 32; ++k, out += 8) {
      const unsigned high = block.qh[k / 4];
      const float scale = d * static_cast<float>(2 * (high >> 12 & 7) + 1);
      const float delta = (high & 0x8000) != 0 ? -kIq1Delta : kIq1Delta;
      const unsigned index = block.qs[k] | (high >> (3 * (k % 4)) & 7) << 8;
      put8_shifted(kIq1Grid[index], delta, scale, out);
    }
  });
}

void iq1_m(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ1_M, kSuperBlock>(from, to, count, [](const BlockIQ1_M& block, float* out) {
    const unsigned bits = block.scales[0] >> 12 | block.scales[1] >> 12 << 4 |
                          block.scales[2] >> 12 << 8 | block.scales[3] >> 12 << 12;
    const float d = half_to_float(static_cast<std::uint16_t>(bits));
    for (int k = 0; k < 32; ++k, out += 8) {
      const int half = k / 2;  // of a group of 32: 16 values
      const float scale =
          d * static_cast<float>(2 * (block.scales[half / 4] >> (3 * (half % 4)) & 7) + 1);
      const unsigned high = block.qh[k / 2] >> (k % 2 * 4) & 15;
      const float delta = (high & 8) != 0 ? -kIq1Delta : kIq1Delta;
      put8_shifted(kIq1Grid[block.qs[k] | (high & 7) << 8], delta, scale, out);
    }
  });
}

}  // namespace llm::quant::dequantize
