#include "quant/type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/tables.h"

namespace llm::quant {
namespace {

TEST(Types, AreFoundByNumberAndByName) {
  for (const Traits& t : all_traits()) {
    EXPECT_EQ(find_traits(static_cast<std::uint32_t>(t.type)), &t);
    EXPECT_EQ(find_traits(t.name), &t);
    EXPECT_EQ(&traits(t.type), &t);
    EXPECT_GT(t.block_bytes, 0);
  }
  EXPECT_EQ(all_traits().size(), 35U);
  EXPECT_EQ(find_traits("Q4_K"), find_traits("q4_k"));
  EXPECT_EQ(find_traits("q4_9"), nullptr);
  EXPECT_EQ(find_traits(""), nullptr);
}

TEST(Types, RemovedAndUnknownNumbersAreRefused) {
  for (const std::uint32_t number : {4U, 5U, 31U, 32U, 33U, 36U, 37U, 38U, 43U, 255U, ~0U})
    EXPECT_EQ(find_traits(number), nullptr) << number;
}

TEST(Types, RowsAreWholeBlocks) {
  EXPECT_EQ(row_bytes(Type::f32, 7), 28);
  EXPECT_EQ(row_bytes(Type::q4_0, 64), 36);
  EXPECT_EQ(row_bytes(Type::q6_k, 512), 420);
  EXPECT_EQ(row_bytes(Type::nvfp4, 128), 72);
}

TEST(Half, EveryPatternSurvivesTheWayToFloatAndBack) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const float value = half_to_float(static_cast<std::uint16_t>(h));
    if (std::isnan(value)) {
      EXPECT_EQ(float_to_half(value) & 0x7e00, 0x7e00);
    } else {
      EXPECT_EQ(float_to_half(value), h);
      // The definition: sign, exponent, fraction.
      const int exponent = static_cast<int>(h >> 10 & 31);
      const double fraction = h & 0x3ff;
      double expected =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      if (exponent == 31) expected = std::numeric_limits<double>::infinity();
      EXPECT_EQ(value, (h & 0x8000) != 0 ? -expected : expected);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1 + 0x1p-11F), 0x3c00);      // tie, down to even
  EXPECT_EQ(float_to_half(1 + 3 * 0x1p-11F), 0x3c02);  // tie, up to even
  EXPECT_EQ(float_to_half(1 + 0x1.01p-11F), 0x3c01);   // above the tie
  EXPECT_EQ(float_to_half(65519.996F), 0x7bff);        // below the last tie
  EXPECT_EQ(float_to_half(65520), 0x7c00);             // becomes infinity
  EXPECT_EQ(float_to_half(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(float_to_half(0x1p-25F), 0);    // half of the smallest: to even
  EXPECT_EQ(float_to_half(0x1.8p-24F), 2);  // between subnormals 1 and 2
  EXPECT_EQ(float_to_half(-0.0F), 0x8000);
}

TEST(Half, BfloatRoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(float_to_bfloat(1), 0x3f80);
  EXPECT_EQ(float_to_bfloat(std::bit_cast<float>(0x3f808000U)), 0x3f80);
  EXPECT_EQ(float_to_bfloat(std::bit_cast<float>(0x3f818000U)), 0x3f82);
  EXPECT_EQ(float_to_bfloat(std::bit_cast<float>(0x7f800001U)), 0x7fc0);
  EXPECT_EQ(float_to_bfloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(bfloat_to_float(0x4049), 3.140625F);
}

TEST(Scales, OfFp4TypesAreExact) {
  for (int e = 0; e < 256; ++e)
    EXPECT_EQ(mxfp4_scale(static_cast<std::uint8_t>(e)), std::ldexp(1.0F, e - 128)) << e;
  EXPECT_EQ(nvfp4_scale(0), 0);
  EXPECT_EQ(nvfp4_scale(0x7f), 0);
  EXPECT_EQ(nvfp4_scale(0x80), 0);
  EXPECT_EQ(nvfp4_scale(0xff), 240);
  EXPECT_EQ(nvfp4_scale(1), 0x1p-10F);
  EXPECT_EQ(nvfp4_scale(0x38), 0.5F);  // half of 1
}

TEST(Scales, OfKTypesUnpackAsTheyWerePacked) {
  ScaleMin groups[8];
  for (int g = 0; g < 8; ++g) groups[g] = {(g * 17 + 5) % 64, (g * 29 + 40) % 64};
  std::uint8_t packed[12];
  pack_scale_min(groups, packed);
  for (int g = 0; g < 8; ++g) {
    EXPECT_EQ(scale_min(packed, g).scale, groups[g].scale);
    EXPECT_EQ(scale_min(packed, g).min, groups[g].min);
  }
}

template <class Grid>
void expect_ascending_codes(const Grid& grid, int columns) {
  // The lowest element counts least in a row's code, so comparing from the top byte down is the
  // order of the codes.
  for (std::size_t i = 1; i < grid.size(); ++i) {
    int c = columns - 1;
    const auto byte = [&](std::size_t row) {
      return static_cast<std::int8_t>(grid[row] >> (8 * c) & 0xff);
    };
    while (c > 0 && byte(i - 1) == byte(i)) --c;
    EXPECT_LT(byte(i - 1), byte(i)) << i;
  }
}

TEST(Tables, GridRowsAscend) {
  expect_ascending_codes(kIq2XxsGrid, 8);
  expect_ascending_codes(kIq2XsGrid, 8);
  expect_ascending_codes(kIq2SGrid, 8);
  expect_ascending_codes(kIq3XxsGrid, 4);
  expect_ascending_codes(kIq3SGrid, 4);
  expect_ascending_codes(kIq1Grid, 8);
}

TEST(Tables, SignCodesHaveAnEvenNumberOfOnes) {
  for (unsigned i = 0; i < 128; ++i) {
    EXPECT_EQ(kEvenSigns[i] & 127U, i);
    EXPECT_EQ(std::popcount(kEvenSigns[i]) % 2, 0);
  }
  EXPECT_EQ(kSignMasks[0b10000101], 0xff00000000ff00ffU);
}

}  // namespace
}  // namespace llm::quant
