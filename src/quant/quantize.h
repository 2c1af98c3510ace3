// The quantisers that the table of types names. For neighbours: use Traits::quantize.
// All follow the reference's search, so that equal weights give equal files. `count` is one row
// where importance is given, because some weights depend on the mean square of the row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llm::quant::quantize {

// plain.cpp
void f32(const float* from, std::byte* to, std::int64_t count, const float* importance);
void f16(const float* from, std::byte* to, std::int64_t count, const float* importance);
void bf16(const float* from, std::byte* to, std::int64_t count, const float* importance);
void f64(const float* from, std::byte* to, std::int64_t count, const float* importance);

// quantize_small.cpp
void q4_0(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q4_1(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q5_0(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q5_1(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q8_0(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q8_1(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q1_0(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q2_0(const float* from, std::byte* to, std::int64_t count, const float* importance);
void mxfp4(const float* from, std::byte* to, std::int64_t count, const float* importance);
void nvfp4(const float* from, std::byte* to, std::int64_t count, const float* importance);

// quantize_k.cpp
void q2_k(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q3_k(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q4_k(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q5_k(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q6_k(const float* from, std::byte* to, std::int64_t count, const float* importance);
void q8_k(const float* from, std::byte* to, std::int64_t count, const float* importance);
void tq1_0(const float* from, std::byte* to, std::int64_t count, const float* importance);
void tq2_0(const float* from, std::byte* to, std::int64_t count, const float* importance);

// quantize_iq4.cpp
void iq4_nl(const float* from, std::byte* to, std::int64_t count, const float* importance);
void iq4_xs(const float* from, std::byte* to, std::int64_t count, const float* importance);
/// IQ4_NL without the search over scales: what a KV cache is written with.
void iq4_nl_quick(const float* from, std::byte* to, std::int64_t count);

// quantize_grid.cpp
void iq2_xxs(const float* from, std::byte* to, std::int64_t count, const float* importance);
void iq2_xs(const float* from, std::byte* to, std::int64_t count, const float* importance);
void iq2_s(const float* from, std::byte* to, std::int64_t count, const float* importance);
void iq3_xxs(const float* from, std::byte* to, std::int64_t count, const float* importance);
void iq3_s(const float* from, std::byte* to, std::int64_t count, const float* importance);

// quantize_iq1.cpp
void iq1_s(const float* from, std::byte* to, std::int64_t count, const float* importance);
void iq1_m(const float* from, std::byte* to, std::int64_t count, const float* importance);

/// Applies `encode(values, block, importance of these columns or null)` to every block of a row.
template <class Block, int kLength, class Encode>
void each_block(const float* from, std::byte* to, std::int64_t count, const float* importance,
                Encode encode) {
  auto* blocks = reinterpret_cast<Block*>(to);
  for (std::int64_t i = 0; i < count / kLength; ++i) {
    Block block{};
    encode(from + i * kLength, block, importance ? importance + i * kLength : nullptr);
    blocks[i] = block;
  }
}

}  // namespace llm::quant::quantize
