// The quantisers that the table of types names. For neighbours: use Traits::quantize.
// All follow the reference's search, so that equal weights give equal files: f32 sums from the
// first element to the last, no fused multiply-add.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llm::quant::quantize {

// plain.cpp
void f32(const float* from, std::byte* to, std::int64_t count, const float* importance);
void f16(const float* from, std::byte* to, std::int64_t count, const float* importance);
void bf16(const float* from, std::byte* to, std::int64_t count, const float* importance);

}  // namespace llm::quant::quantize
