// Expansion against the blocks kept outside the repository: every bit must agree.
#include <gtest/gtest.h>

#include <bit>

#include "base/json.h"
#include "quant/type.h"
#include "shared_files.h"

namespace llm::quant {
namespace {

using test::read_file;
using test::shared_dir;

int differing(const std::vector<float>& a, const std::vector<float>& b) {
  int count = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    count += std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]);
  return count;
}

void expect_exact(const Traits& traits, const std::string& stem) {
  const auto folder = shared_dir() / "vectors/quants";
  const auto blocks = read_file<std::byte>(folder / (stem + ".q"));
  const auto expected = read_file<float>(folder / (stem + ".deq.f32"));
  ASSERT_FALSE(blocks.empty()) << stem;
  const auto count =
      static_cast<std::int64_t>(blocks.size()) / traits.block_bytes * traits.block_length;
  ASSERT_EQ(count, static_cast<std::int64_t>(expected.size())) << stem;
  std::vector<float> values(expected.size());
  traits.dequantize(blocks.data(), values.data(), count);
  EXPECT_EQ(differing(values, expected), 0) << stem;
}

TEST(Dequantize, EveryTypeOfTheVectorsIsExact) {
  LLM_NEED_SHARED("vectors/quants/manifest.json");
  const auto folder = shared_dir() / "vectors/quants";
  const auto text = read_file(folder / "manifest.json");
  const Json manifest = Json::parse(text.begin(), text.end());
  int types = 0;
  for (const auto& [name, facts] : manifest["types"].items()) {
    const Traits* traits = find_traits(name);
    ASSERT_NE(traits, nullptr) << name;
    EXPECT_EQ(static_cast<int>(traits->type), facts["id"].get<int>());
    EXPECT_EQ(traits->block_bytes, facts["block_bytes"].get<int>());
    EXPECT_EQ(traits->block_length, facts["block_elements"].get<int>());
    expect_exact(*traits, name);
    if (exists(folder / (name + ".rand.q"))) expect_exact(*traits, name + ".rand");
    ++types;
  }
  EXPECT_EQ(types, 29);
}

}  // namespace
}  // namespace llm::quant
