// Codebooks of the quantised types. A grid row holds the magnitudes of the 8 (or 4) elements of
// one group, element 0 in the lowest byte; the rows are sorted by their packed codes.
#pragma once

#include <array>
#include <cstdint>

namespace llm::quant {

extern const std::array<std::uint64_t, 256> kIq2XxsGrid;  // bytes 8, 25, 43
extern const std::array<std::uint64_t, 512> kIq2XsGrid;   // bytes 8, 25, 43
extern const std::array<std::uint64_t, 1024> kIq2SGrid;   // bytes 8, 25, 43
extern const std::array<std::uint32_t, 256> kIq3XxsGrid;  // bytes 4, 12, ..., 52, 62
extern const std::array<std::uint32_t, 512> kIq3SGrid;    // bytes 1, 3, ..., 15
extern const std::array<std::uint64_t, 2048> kIq1Grid;    // signed bytes -1, 0, 1 (IQ1_S, IQ1_M)

/// Sign bits of 8 elements from a 7-bit code: the eighth makes the number of ones even.
extern const std::array<std::uint8_t, 128> kEvenSigns;

/// Byte j is 0xff where bit j of the index is set: an xor/subtract mask for eight signs.
extern const std::array<std::uint64_t, 256> kSignMasks;

/// Levels of IQ4_NL and IQ4_XS.
alignas(16) inline constexpr std::array<std::int8_t, 16> kIq4Levels = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Twice the values of E2M1 numbers (MXFP4, NVFP4); bit 3 is the sign.
alignas(16) inline constexpr std::array<std::int8_t, 16> kFp4Levels = {
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace llm::quant
