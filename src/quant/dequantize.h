// The expansion functions that the table of types names. Each computes exactly the operations of
// its formula, in that order, in f32. For neighbours: use Traits::dequantize.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llm::quant::dequantize {

// plain.cpp
void f32(const std::byte* from, float* to, std::int64_t count);
void f16(const std::byte* from, float* to, std::int64_t count);
void bf16(const std::byte* from, float* to, std::int64_t count);
void f64(const std::byte* from, float* to, std::int64_t count);

// dequantize_small.cpp: blocks of 32 to 128 values
void q4_0(const std::byte* from, float* to, std::int64_t count);
void q4_1(const std::byte* from, float* to, std::int64_t count);
void q5_0(const std::byte* from, float* to, std::int64_t count);
void q5_1(const std::byte* from, float* to, std::int64_t count);
void q8_0(const std::byte* from, float* to, std::int64_t count);
void q8_1(const std::byte* from, float* to, std::int64_t count);
void iq4_nl(const std::byte* from, float* to, std::int64_t count);
void mxfp4(const std::byte* from, float* to, std::int64_t count);
void nvfp4(const std::byte* from, float* to, std::int64_t count);
void q1_0(const std::byte* from, float* to, std::int64_t count);
void q2_0(const std::byte* from, float* to, std::int64_t count);

// dequantize_k.cpp: blocks of 256 values with scales per group
void q2_k(const std::byte* from, float* to, std::int64_t count);
void q3_k(const std::byte* from, float* to, std::int64_t count);
void q4_k(const std::byte* from, float* to, std::int64_t count);
void q5_k(const std::byte* from, float* to, std::int64_t count);
void q6_k(const std::byte* from, float* to, std::int64_t count);
void q8_k(const std::byte* from, float* to, std::int64_t count);
void iq4_xs(const std::byte* from, float* to, std::int64_t count);
void tq1_0(const std::byte* from, float* to, std::int64_t count);
void tq2_0(const std::byte* from, float* to, std::int64_t count);

// dequantize_grid.cpp: codebooks of 8 or 4 values
void iq2_xxs(const std::byte* from, float* to, std::int64_t count);
void iq2_xs(const std::byte* from, float* to, std::int64_t count);
void iq2_s(const std::byte* from, float* to, std::int64_t count);
void iq3_xxs(const std::byte* from, float* to, std::int64_t count);
void iq3_s(const std::byte* from, float* to, std::int64_t count);
void iq1_s(const std::byte* from, float* to, std::int64_t count);
void iq1_m(const std::byte* from, float* to, std::int64_t count);

/// Applies `expand` to every block of a row. The block is copied first: its bytes could otherwise
/// alias the output, and nothing would be vectorised.
template <class Block, int kLength, class Expand>
void each_block(const std::byte* from, float* to, std::int64_t count, Expand expand) {
  const auto* blocks = reinterpret_cast<const Block*>(from);
  for (std::int64_t i = 0; i < count / kLength; ++i) {
    const Block block = blocks[i];
    expand(block, to + i * kLength);
  }
}

}  // namespace llm::quant::dequantize
