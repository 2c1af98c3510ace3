// Blocks of 256 values with a scale (and a minimum) per group of 16 or 32.
#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/tables.h"

namespace llm::quant::dequantize {
namespace {

/// The 2-bit field of element 128k + 32p + l lies at bits 2p of byte 32k + l.
inline int plane_field(const std::uint8_t* qs, int k, int p, int l) {
  return qs[32 * k + l] >> (2 * p) & 3;
}

}  // namespace

void q2_k(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ2_K, kSuperBlock>(from, to, count, [](const BlockQ2_K& block, float* out) {
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    for (int g = 0; g < 16; ++g) {
      const float scale = d * static_cast<float>(block.scales[g] & 15);
      const float minimum = dmin * static_cast<float>(block.scales[g] >> 4);
      const int k = g / 8, p = g / 2 % 4, first = g % 2 * 16;
      for (int l = 0; l < 16; ++l) {
        const int q = plane_field(block.qs, k, p, first + l);
        out[16 * g + l] = scale * static_cast<float>(q) - minimum;
      }
    }
  });
}

void q3_k(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ3_K, kSuperBlock>(from, to, count, [](const BlockQ3_K& block, float* out) {
    const float d = half_to_float(block.d);
    for (int g = 0; g < 16; ++g) {
      const float scale = d * static_cast<float>(q3_k_scale(block.scales, g));
      const int k = g / 8, p = g / 2 % 4, first = g % 2 * 16;
      for (int l = 0; l < 16; ++l) {
        const int high = block.hmask[first + l] >> (g / 2) & 1;
        const int q = plane_field(block.qs, k, p, first + l) + 4 * high - 4;
        out[16 * g + l] = scale * static_cast<float>(q);
      }
    }
  });
}

void q4_k(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ4_K, kSuperBlock>(from, to, count, [](const BlockQ4_K& block, float* out) {
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    for (int g = 0; g < 8; ++g) {
      const ScaleMin sm = scale_min(block.scales, g);
      const float scale = d * static_cast<float>(sm.scale);
      const float minimum = dmin * static_cast<float>(sm.min);
      for (int l = 0; l < 32; ++l) {
        const int q = block.qs[g / 2 * 32 + l] >> (g % 2 * 4) & 15;
        out[32 * g + l] = scale * static_cast<float>(q) - minimum;
      }
    }
  });
}

void q5_k(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ5_K, kSuperBlock>(from, to, count, [](const BlockQ5_K& block, float* out) {
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    for (int g = 0; g < 8; ++g) {
      const ScaleMin sm = scale_min(block.scales, g);
      const float scale = d * static_cast<float>(sm.scale);
      const float minimum = dmin * static_cast<float>(sm.min);
      for (int l = 0; l < 32; ++l) {
        const int low = block.qs[g / 2 * 32 + l] >> (g % 2 * 4) & 15;
        const int q = low | (block.qh[l] >> g & 1) << 4;
        out[32 * g + l] = scale * static_cast<float>(q) - minimum;
      }
    }
  });
}

void q6_k(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ6_K, kSuperBlock>(from, to, count, [](const BlockQ6_K& block, float* out) {
    const float d = half_to_float(block.d);
    for (int g = 0; g < 16; ++g) {
      const float scale = d * static_cast<float>(block.scales[g]);
      const int k = g / 8, p = g / 2 % 4, first = g % 2 * 16;
      const std::uint8_t* low = block.ql + 64 * k + p % 2 * 32 + first;
      for (int l = 0; l < 16; ++l) {
        const int nibble = low[l] >> (p / 2 * 4) & 15;
        const int q = (nibble | plane_field(block.qh, k, p, first + l) << 4) - 32;
        out[16 * g + l] = scale * static_cast<float>(q);
      }
    }
  });
}

void q8_k(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ8_K, kSuperBlock>(from, to, count, [](const BlockQ8_K& block, float* out) {
    const float d = block.d;
    for (int i = 0; i < kSuperBlock; ++i) out[i] = d * static_cast<float>(block.qs[i]);
  });
}

void iq4_xs(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ4_XS, kSuperBlock>(from, to, count, [](const BlockIQ4_XS& block, float* out) {
    const float d = half_to_float(block.d);
    for (int g = 0; g < 8; ++g) {
      const float scale = d * static_cast<float>(iq4_xs_scale(block, g));
      float levels[16];
      for (int i = 0; i < 16; ++i) levels[i] = scale * static_cast<float>(kIq4Levels[i]);
      for (int j = 0; j < 16; ++j) {
        out[32 * g + j] = levels[block.qs[16 * g + j] & 15];
        out[32 * g + 16 + j] = levels[block.qs[16 * g + j] >> 4];
      }
    }
  });
}

void tq1_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockTQ1_0, kSuperBlock>(from, to, count, [](const BlockTQ1_0& block, float* out) {
    const float d = half_to_float(block.d);
    // A byte is a base-3 fraction of 256: multiplying by 3 moves one digit before the point.
    const auto digits = [&](const std::uint8_t* bytes, int width, int digit_count, float* place) {
      unsigned power = 1;
      for (int n = 0; n < digit_count; ++n, power *= 3) {
        for (int m = 0; m < width; ++m) {
          const unsigned rest = bytes[m] * power & 255;
          const int digit = static_cast<int>(rest * 3 >> 8);
          place[n * width + m] = static_cast<float>(digit - 1) * d;
        }
      }
    };
    digits(block.qs, 32, 5, out);
    digits(block.qs + 32, 16, 5, out + 160);
    digits(block.qh, 4, 4, out + 240);
  });
}

void tq2_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockTQ2_0, kSuperBlock>(from, to, count, [](const BlockTQ2_0& block, float* out) {
    const float d = half_to_float(block.d);
    for (int k = 0; k < 2; ++k)
      for (int p = 0; p < 4; ++p)
        for (int l = 0; l < 32; ++l)
          out[128 * k + 32 * p + l] = static_cast<float>(plane_field(block.qs, k, p, l) - 1) * d;
  });
}

}  // namespace llm::quant::dequantize
