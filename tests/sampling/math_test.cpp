#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sampling/dense.h"
#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

TEST(ScalarMath, ExpAgreesWithTheLibrary) {
  for (float x = 0; x > -87; x -= 0.00917f)
    ASSERT_NEAR(exp_f32(x) / std::exp(static_cast<double>(x)), 1, 2e-7) << x;
  EXPECT_EQ(exp_f32(0), 1);
  EXPECT_EQ(exp_f32(-200), 0);
  EXPECT_EQ(exp_f32(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_EQ(exp_f32(std::numeric_limits<float>::quiet_NaN()), 0);
}

TEST(ScalarMath, LogAndPowAgreeWithTheLibrary) {
  for (double x = 1e-30; x < 1e30; x *= 1.37) {
    ASSERT_NEAR(log_f64(x), std::log(x), 1e-12 * std::max(1.0, std::fabs(std::log(x))));
    ASSERT_NEAR(pow_f64(x, 1.3) / std::pow(x, 1.3), 1, 1e-10);
  }
  EXPECT_EQ(log_f64(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(pow_f64(0, 2), 0);
  EXPECT_EQ(pow_f64(0, 0), 1);
}

TEST(Dense, GroupSumsAddUpToTheWhole) {
  for (const std::size_t n : {1u, 255u, 256u, 300u, 5000u}) {
    std::vector<float> logits(n);
    for (std::size_t i = 0; i < n; ++i) logits[i] = static_cast<float>(i % 37) / 5;
    logits[n / 2] = -std::numeric_limits<float>::infinity();
    std::vector<float> maxima(group_count(n));
    std::vector<double> sums(group_count(n));
    const float max = group_maxima(logits, maxima);
    if (n == 1) continue;
    double expected = 0;
    for (const float z : logits) expected += std::exp((static_cast<double>(z) - max) / 1.5);
    EXPECT_NEAR(group_exp_sums(logits, max, 1.5f, sums) / expected, 1, 1e-6) << n;
  }
}

TEST(Dense, DeviationIsThatOfTheFiniteLogits) {
  std::vector<float> logits = {
      1, 2, 3, 4, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  EXPECT_NEAR(standard_deviation(logits), std::sqrt(1.25), 1e-9);
  logits.assign(3, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(standard_deviation(logits), 0);
}

}  // namespace
}  // namespace llm::sampling
