// How the group scales of the K types are packed. Internal linkage: see half.h.
#pragma once

#include <cstdint>

#include "quant/blocks.h"

namespace llm::quant {

struct ScaleMin {
  int scale;
  int min;
};

/// Q4_K, Q5_K: the 6-bit scale and minimum of group g (0..7) from 12 bytes.
[[maybe_unused]] static inline ScaleMin scale_min(const std::uint8_t* s, int g) {
  if (g < 4) return {s[g] & 63, s[g + 4] & 63};
  return {(s[g + 4] & 15) | (s[g - 4] >> 6) << 4, s[g + 4] >> 4 | (s[g] >> 6) << 4};
}

/// The inverse of scale_min for all eight groups; values 0..63.
[[maybe_unused]] static inline void pack_scale_min(const ScaleMin (&groups)[8], std::uint8_t* s) {
  for (int g = 0; g < 4; ++g) {
    const ScaleMin low = groups[g], high = groups[g + 4];
    s[g] = static_cast<std::uint8_t>(low.scale | (high.scale >> 4) << 6);
    s[g + 4] = static_cast<std::uint8_t>(low.min | (high.min >> 4) << 6);
    s[g + 8] = static_cast<std::uint8_t>((high.scale & 15) | (high.min & 15) << 4);
  }
}

/// Q3_K: the scale of group g (0..15), -32..31.
[[maybe_unused]] static inline int q3_k_scale(const std::uint8_t* s, int g) {
  const int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4;
  const int high = s[8 + g % 4] >> (2 * (g / 4)) & 3;
  return (low | high << 4) - 32;
}

/// The scale of group g (0..7), -32..31.
[[maybe_unused]] static inline int iq4_xs_scale(const BlockIQ4_XS& block, int g) {
  const int low = block.scales_l[g / 2] >> (g % 2 * 4) & 15;
  const int high = block.scales_h >> (2 * g) & 3;
  return (low | high << 4) - 32;
}

}  // namespace llm::quant
