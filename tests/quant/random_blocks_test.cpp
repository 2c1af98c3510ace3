#include "quant/random_blocks.h"

#include <gtest/gtest.h>

#include <cmath>

namespace llm::quant {
namespace {

std::vector<float> some_values(Type type, float deviation, std::uint64_t seed,
                               std::int64_t count = 1 << 16) {
  const RandomBlocks blocks(type, deviation, seed);
  Random random(seed + 1);
  std::vector<std::byte> bytes(static_cast<std::size_t>(row_bytes(type, count)));
  blocks.fill(bytes, random);
  std::vector<float> values(static_cast<std::size_t>(count));
  traits(type).dequantize(bytes.data(), values.data(), count);
  return values;
}

TEST(RandomBlocks, HaveTheDeviationAskedForInEveryType) {
  for (const Traits& t : all_traits()) {
    if (!t.dequantize) continue;
    const float deviation = t.type == Type::nvfp4 ? 1 : 0.02F;
    double sum = 0, squares = 0;
    const auto values = some_values(t.type, deviation, 5);
    for (const float v : values) {
      ASSERT_TRUE(std::isfinite(v)) << t.name;
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    const auto n = static_cast<double>(values.size());
    const double rms = std::sqrt(squares / n) / deviation;
    // Types of one or two bits cannot keep the deviation of what they quantise.
    const bool coarse = t.block_bytes * 8 < 3 * t.block_length;
    EXPECT_NEAR(rms, 1, coarse ? 1.2 : 0.05) << t.name;
    EXPECT_NEAR(sum / n / deviation, 0, 0.15) << t.name;
  }
}

TEST(RandomBlocks, DependOnTheSeedAlone) {
  EXPECT_EQ(some_values(Type::q4_0, 1, 9, 4096), some_values(Type::q4_0, 1, 9, 4096));
  EXPECT_NE(some_values(Type::q4_0, 1, 9, 4096), some_values(Type::q4_0, 1, 10, 4096));
}

TEST(Random, StaysBelowTheLimitAndReachesAllOfIt) {
  Random random(1);
  int seen[7] = {};
  for (int i = 0; i < 7000; ++i) ++seen[random.below(7)];
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace llm::quant
