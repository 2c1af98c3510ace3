// Quantisers: against the blocks kept outside the repository, and on values of our own.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/json.h"
#include "quant/quantize.h"
#include "quant/type.h"
#include "shared_files.h"

namespace llm::quant {
namespace {

using test::read_file;
using test::shared_dir;

double rms_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double e = static_cast<double>(a[i]) - b[i];
    sum += e * e;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

std::vector<std::byte> quantized(const Traits& t, const std::vector<float>& values,
                                 std::int64_t cols, const float* importance = nullptr) {
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / cols;
  const std::int64_t bytes = row_bytes(t.type, cols);
  std::vector<std::byte> out(static_cast<std::size_t>(rows * bytes));
  for (std::int64_t r = 0; r < rows; ++r)
    t.quantize(values.data() + r * cols, out.data() + r * bytes, cols, importance);
  return out;
}

std::vector<float> expanded(const Traits& t, const std::vector<std::byte>& blocks) {
  const auto count = static_cast<std::int64_t>(blocks.size()) / t.block_bytes * t.block_length;
  std::vector<float> out(static_cast<std::size_t>(count));
  t.dequantize(blocks.data(), out.data(), count);
  return out;
}

TEST(Quantize, IsAsCloseToTheSourceAsTheReference) {
  LLM_NEED_SHARED("vectors/quants/manifest.json");
  const auto folder = shared_dir() / "vectors/quants";
  const auto text = read_file(folder / "manifest.json");
  const Json manifest = Json::parse(text.begin(), text.end());
  const auto weights = read_file<float>(folder / "weights.f32");
  const auto importance = read_file<float>(folder / "importance.f32");
  const std::int64_t cols = manifest["cols"];
  int types = 0;
  for (const auto& [name, facts] : manifest["types"].items()) {
    const Traits& t = *find_traits(name);
    if (!t.quantize) continue;
    const auto mine =
        quantized(t, weights, cols, facts["importance"] ? importance.data() : nullptr);
    const auto theirs = read_file<std::byte>(folder / (name + ".q"));
    ASSERT_EQ(mine.size(), theirs.size());
    int differing = 0;
    for (std::size_t i = 0; i < mine.size(); ++i) differing += mine[i] != theirs[i];
    const double error = rms_error(expanded(t, mine), weights);
    const double reference = rms_error(expanded(t, theirs), weights);
    EXPECT_LE(error, reference * 1.01) << name;
    EXPECT_LE(differing, static_cast<int>(mine.size()) / 100) << name;
    ++types;
  }
  EXPECT_EQ(types, 29);
}

std::vector<float> noise(std::size_t count, std::uint32_t seed, float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> out(count);
  for (float& v : out) v = normal(random);
  return out;
}

double relative_error(const Traits& t, const std::vector<float>& values,
                      const float* importance = nullptr) {
  const auto cols = static_cast<std::int64_t>(values.size());
  const std::vector<float> zero(values.size());
  return rms_error(expanded(t, quantized(t, values, cols, importance)), values) /
         rms_error(values, zero);
}

TEST(Quantize, LosesNoMoreThanTheBitsAllow) {
  struct Limit {
    const char* type;
    double error;  // relative to normally distributed values
  };
  for (const Limit& limit : std::initializer_list<Limit>{
           {"f32", 0},        {"f64", 0},      {"f16", 0.0004}, {"bf16", 0.003}, {"q8_0", 0.007},
           {"q8_1", 0.007},   {"q8_k", 0.008}, {"q6_k", 0.02},  {"q5_k", 0.04},  {"q5_1", 0.045},
           {"q5_0", 0.05},    {"q4_k", 0.08},  {"q4_1", 0.09},  {"q4_0", 0.1},   {"iq4_nl", 0.08},
           {"iq4_xs", 0.085}, {"mxfp4", 0.13}, {"nvfp4", 0.11}, {"q3_k", 0.17},  {"q2_k", 0.32},
           {"q2_0", 0.75},    {"q1_0", 0.65},  {"tq1_0", 0.9},  {"tq2_0", 0.9}}) {
    const Traits& t = *find_traits(limit.type);
    EXPECT_LE(relative_error(t, noise(4096, 7)), limit.error) << limit.type;
    EXPECT_LE(relative_error(t, noise(4096, 8, 0.02F)), limit.error * 1.6 + 1e-9) << limit.type;
  }
}

TEST(Quantize, ImportanceMovesTheErrorToColumnsThatMatterLess) {
  const auto values = noise(512, 3);
  std::vector<float> importance(512, 0.01F);
  for (std::size_t i = 0; i < 512; i += 4) importance[i] = 10;
  const auto error_of_important = [&](const Traits& t, const float* weights) {
    const auto out = expanded(t, quantized(t, values, 512, weights));
    double sum = 0;
    for (std::size_t i = 0; i < 512; i += 4) sum += std::pow(out[i] - values[i], 2);
    return sum;
  };
  for (const char* name :
       {"q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "iq4_nl", "iq4_xs", "iq3_s",
        "iq3_xxs", "iq2_s", "iq2_xs", "iq2_xxs", "iq1_s", "iq1_m"}) {
    const Traits& t = *find_traits(name);
    EXPECT_LT(error_of_important(t, importance.data()), error_of_important(t, nullptr)) << name;
  }
}

TEST(Quantize, ZerosStayZero) {
  const std::vector<float> zeros(512);
  for (const Traits& t : all_traits()) {
    if (!t.quantize || !t.dequantize || t.type == Type::q1_0) continue;
    for (const float v : expanded(t, quantized(t, zeros, 512))) EXPECT_EQ(v, 0) << t.name;
  }
}

TEST(Quantize, ExtremeValuesStayDefined) {
  const float large = std::numeric_limits<float>::max();
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Traits& t : all_traits()) {
    if (!t.quantize || !t.dequantize) continue;
    for (const float odd : {large, -large, 1e-42F, 1e-20F, infinity, -infinity, nan}) {
      auto values = noise(512, 5);
      for (std::size_t i = 0; i < 512; i += 37) values[i] = odd;
      expanded(t, quantized(t, values, 512));  // a sanitizer would object
      expanded(t, quantized(t, std::vector<float>(512, odd), 512));
    }
  }
}

TEST(Quantize, TheCacheFormOfIq4NlIsNearlyAsGoodAsTheSearch) {
  const Traits& t = *find_traits("iq4_nl");
  const auto values = noise(4096, 11);
  std::vector<std::byte> quick(static_cast<std::size_t>(row_bytes(t.type, 4096)));
  quantize::iq4_nl_quick(values.data(), quick.data(), 4096);
  const std::vector<float> zero(values.size());
  EXPECT_LE(rms_error(expanded(t, quick), values) / rms_error(values, zero), 0.1);
}

}  // namespace
}  // namespace llm::quant
