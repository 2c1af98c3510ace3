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
  EXPECT_GE(types, 22);
}

}  // namespace
}  // namespace llm::quant
