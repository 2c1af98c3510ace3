// A model over several devices gives the bits of one: layers, the output, experts and the cache in
// different places.
#include <cstring>

#include "compute/split_device.h"
#include "model/tiny_file.h"
#include "model/vectors.h"

namespace llm::test {
namespace {

using compute::LayerPlaces;

struct Split {
  const char* name;
  TinyModel model;
  LayerPlaces places;
  quant::Type cache = quant::Type::f16;
};

void PrintTo(const Split& split, std::ostream* out) {
  *out << split.name;
}

const TinyModel kMixture{
    .architecture = "qwen3moe", .layers = 3, .experts = 8, .experts_used = 3, .head_norms = true};

const Split kSplits[] = {
    {"halves", {.layers = 4}, {.device_of = {0, 0, 1, 1, 1}}},
    {"output_alone", {.layers = 2}, {.device_of = {0, 0, 1}}},
    {"to_and_fro", {.layers = 3}, {.device_of = {1, 0, 2, 0}}},
    {"cache_on_cpu", {.layers = 3}, {.device_of = {1, 1, 1, 1}, .cpu_cache = true}},
    {"experts_on_cpu", kMixture, {.device_of = {1, 1, 1, 1}, .cpu_experts = 2}},
    {"all_at_once",
     kMixture,
     {.device_of = {0, 1, 2, 1}, .cpu_experts = 3, .cpu_cache = true},
     quant::Type::q8_0},
};

std::unique_ptr<compute::Device> split_device(const LayerPlaces& places) {
  std::vector<std::unique_ptr<compute::Device>> devices;
  for (int i = 0; i < 3; ++i) devices.push_back(make_device("portable", 1));
  return compute::make_split_device(std::move(devices), /*cpu=*/0, places);
}

class SplitModels : public testing::TestWithParam<Split> {};

TEST_P(SplitModels, SameBitsAsOneDevice) {
  const Split& split = GetParam();
  TinyModel model = split.model;
  model.width = 128;  // heads of 32 values, for caches of quant blocks
  const TinyFile bytes(model);
  const gguf::File file = bytes.open();
  Runner one(file, make_device("portable", 1), split.cache, split.cache);
  Runner several(file, split_device(split.places), split.cache, split.cache);
  const Tokens prompt{1, 17, 5, 40, 33, 2, 90, 11, 64, 64, 3};
  const auto expected = one.prompt(0, prompt), found = several.prompt(0, prompt);
  ASSERT_EQ(found, expected);
  const auto greedy = one.greedy(0, expected.back(), 11, 30);
  EXPECT_EQ(several.greedy(0, found.back(), 11, 30).tokens, greedy.tokens);
}

TEST_P(SplitModels, PagesGoOutAndComeBack) {
  const Split& split = GetParam();
  TinyModel model = split.model;
  model.width = 128;
  const TinyFile bytes(model);
  const gguf::File file = bytes.open();
  Runner runner(file, split_device(split.places), split.cache, split.cache);
  const Tokens prompt{1, 17, 5, 40, 33};
  runner.prompt(0, prompt);
  const BatchSequence slice = runner.slice(0, {}, 5, Outputs::none);
  const compute::PageId page = slice.pages[0];
  std::vector<std::byte> saved(static_cast<std::size_t>(runner.pool().layout().page_bytes()));
  runner.pool().read_page(page, saved.data());
  const Logits expected = runner.one(0, 7, 5);
  runner.pool().write_page(page, std::vector<std::byte>(saved.size()).data());
  EXPECT_NE(runner.one(0, 7, 5), expected);
  runner.pool().write_page(page, saved.data());
  EXPECT_EQ(runner.one(0, 7, 5), expected);
}

INSTANTIATE_TEST_SUITE_P(, SplitModels, testing::ValuesIn(kSplits),
                         [](const auto& entry) { return std::string(entry.param.name); });

TEST(SplitDevice, RefusesPlacesWithoutADevice) {
  EXPECT_THROW(split_device({.device_of = {0, 3}}), Error);
  EXPECT_THROW(split_device({.device_of = {}}), Error);
}

TEST(SplitDevice, SaysWhoHasWhat) {
  EXPECT_THAT(split_device({.device_of = {0, 1, 1, 1}})->description(),
              testing::MatchesRegex("CPU.*: 1 layers . CPU.*: 2 layers and the output"));
}

}  // namespace
}  // namespace llm::test
