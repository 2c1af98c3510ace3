// Blocks of 32, 64 or 128 values with one scale (NVFP4: four).
#include <bit>

#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/half.h"
#include "quant/tables.h"

namespace llm::quant::dequantize {
namespace {

/// Calls value(element, nibble) for the 32 elements of 16 bytes: byte j holds j and j + 16.
template <class Value>
void each_nibble(const std::uint8_t (&qs)[16], float* to, Value value) {
  for (int j = 0; j < 16; ++j) to[j] = value(j, qs[j] & 15);
  for (int j = 0; j < 16; ++j) to[j + 16] = value(j + 16, qs[j] >> 4);
}

/// d * level for both nibbles of each byte; `levels` has 16 entries.
void from_levels(const std::uint8_t* qs, int bytes, const std::int8_t* levels, float d, float* to) {
  float scaled[16];
  for (int i = 0; i < 16; ++i) scaled[i] = d * static_cast<float>(levels[i]);
  for (int j = 0; j < bytes; ++j) {
    to[j] = scaled[qs[j] & 15];
    to[j + bytes] = scaled[qs[j] >> 4];
  }
}

}  // namespace

void q4_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ4_0, 32>(from, to, count, [](const BlockQ4_0& block, float* out) {
    const float d = half_to_float(block.d);
    each_nibble(block.qs, out, [&](int, int q) { return static_cast<float>(q - 8) * d; });
  });
}

void q4_1(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ4_1, 32>(from, to, count, [](const BlockQ4_1& block, float* out) {
    const float d = half_to_float(block.d);
    const float m = half_to_float(block.m);
    each_nibble(block.qs, out, [&](int, int q) { return static_cast<float>(q) * d + m; });
  });
}

void q5_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ5_0, 32>(from, to, count, [](const BlockQ5_0& block, float* out) {
    const float d = half_to_float(block.d);
    const std::uint32_t high = block.qh;
    each_nibble(block.qs, out, [&](int i, int q) {
      const int bit = static_cast<int>(high >> i & 1);
      return static_cast<float>((q | bit << 4) - 16) * d;
    });
  });
}

void q5_1(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ5_1, 32>(from, to, count, [](const BlockQ5_1& block, float* out) {
    const float d = half_to_float(block.d);
    const float m = half_to_float(block.m);
    const std::uint32_t high = block.qh;
    each_nibble(block.qs, out, [&](int i, int q) {
      const int bit = static_cast<int>(high >> i & 1);
      return static_cast<float>(q | bit << 4) * d + m;
    });
  });
}

void q8_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ8_0, 32>(from, to, count, [](const BlockQ8_0& block, float* out) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(block.qs[i]) * d;
  });
}

void q8_1(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ8_1, 32>(from, to, count, [](const BlockQ8_1& block, float* out) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(block.qs[i]) * d;
  });
}

void iq4_nl(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockIQ4_NL, 32>(from, to, count, [](const BlockIQ4_NL& block, float* out) {
    from_levels(block.qs, 16, kIq4Levels.data(), half_to_float(block.d), out);
  });
}

void mxfp4(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockMXFP4, 32>(from, to, count, [](const BlockMXFP4& block, float* out) {
    from_levels(block.qs, 16, kFp4Levels.data(), mxfp4_scale(block.e), out);
  });
}

void nvfp4(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockNVFP4, 64>(from, to, count, [](const BlockNVFP4& block, float* out) {
    for (int g = 0; g < 4; ++g)
      from_levels(block.qs + 8 * g, 8, kFp4Levels.data(), nvfp4_scale(block.d[g]), out + 16 * g);
  });
}

void q1_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ1_0, 128>(from, to, count, [](const BlockQ1_0& block, float* out) {
    const auto d = std::bit_cast<std::uint32_t>(half_to_float(block.d));
    for (int i = 0; i < 128; ++i) {
      const std::uint32_t minus = (block.qs[i / 8] >> i % 8 & 1) ^ 1U;
      out[i] = std::bit_cast<float>(d ^ minus << 31);
    }
  });
}

void q2_0(const std::byte* from, float* to, std::int64_t count) {
  each_block<BlockQ2_0, 64>(from, to, count, [](const BlockQ2_0& block, float* out) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < 64; ++i) {
      const int q = block.qs[i / 4] >> 2 * (i % 4) & 3;
      out[i] = static_cast<float>(q - 1) * d;
    }
  });
}

}  // namespace llm::quant::dequantize
