// Plans of which device gets which layers: plain numbers in, plain numbers out.
#include "model/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/tensor_layer.h"
#include "model/tiny_file.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::uint64_t kMiB = 1 << 20;

/// 8 layers of 100 MiB and an output of 100; a token of context takes 1 KiB in each layer.
ModelSizes eight_layers() {
  ModelSizes sizes{.layers = {}, .output = 100 * kMiB, .step = 10 * kMiB, .context_train = 32768};
  sizes.layers.resize(8, {.weights = 100 * kMiB, .experts = 0, .cache_per_token = 1024});
  return sizes;
}

std::vector<GpuRoom> one_gpu(std::uint64_t mib, std::uint64_t margin = 0) {
  return {{.id = "CUDA0", .free_bytes = mib * kMiB, .margin_bytes = margin * kMiB}};
}

TEST(Placement, AllFits) {
  const Placement plan = place(eight_layers(), one_gpu(2000), {.context = 4096});
  EXPECT_EQ(plan.gpu_units, 9);
  EXPECT_EQ(plan.context, 4096);
  EXPECT_THAT(plan.places.device_of, ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1));
  ASSERT_THAT(plan.loads, SizeIs(2));
  EXPECT_EQ(plan.loads[0].bytes(), 0u);
  EXPECT_EQ(plan.loads[1].weights, 900 * kMiB);
  EXPECT_EQ(plan.loads[1].cache, 32 * kMiB);
  EXPECT_THAT(
      plan.table(),
      ElementsAre("CUDA0: layers 0-7, output: weights 900 MiB, cache 32 MiB, working memory "
                  "10 MiB"));
}

TEST(Placement, WhatFitsGoesToTheGpuFromTheEnd) {
  const Placement plan = place(eight_layers(), one_gpu(460), {.context = 4096});
  // The output, and three layers of 104 MiB with their caches, beside 10 MiB.
  EXPECT_EQ(plan.gpu_units, 4);
  EXPECT_THAT(plan.places.device_of, ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 1));
  EXPECT_THAT(
      plan.table(),
      ElementsAre("CPU: layers 0-4: weights 500 MiB, cache 20 MiB, working memory 10 MiB",
                  "CUDA0: layers 5-7, output: weights 400 MiB, cache 12 MiB, working memory "
                  "10 MiB"));
}

TEST(Placement, MarginsStayFree) {
  EXPECT_EQ(place(eight_layers(), one_gpu(1460, 1000), {.context = 4096}).gpu_units, 4);
  EXPECT_EQ(place(eight_layers(), one_gpu(900, 1000), {.context = 4096}).gpu_units, 0);
}

TEST(Placement, AnAutomaticContextShrinksBeforeLayersMove) {
  EXPECT_EQ(place(eight_layers(), one_gpu(2000), {}).context, 32768);
  // 910 MiB are taken; 8 KiB a token.
  const Placement less = place(eight_layers(), one_gpu(990), {});
  EXPECT_EQ(less.context, 80 * 128);
  EXPECT_EQ(less.gpu_units, 9);
  const Placement least = place(eight_layers(), one_gpu(900), {});
  EXPECT_EQ(least.context, 4096);
  EXPECT_LT(least.gpu_units, 9);
}

TEST(Placement, LayersOfTheCommandLine) {
  EXPECT_THAT(
      place(eight_layers(), one_gpu(2000), {.gpu_units = 1, .context = 512}).places.device_of,
      ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 1));
  EXPECT_EQ(place(eight_layers(), one_gpu(2000), {.gpu_units = 99, .context = 512}).gpu_units, 9);
  EXPECT_EQ(place(eight_layers(), one_gpu(50), {.gpu_units = 9, .context = 512, .check = false})
                .gpu_units,
            9);
}

TEST(Placement, RefusesWhatDoesNotFitAndSaysWhatWould) {
  try {
    place(eight_layers(), one_gpu(950), {.gpu_units = 9, .context = 16384});
    FAIL() << "it fits";
  } catch (const Error& error) {
    // 910 MiB and 128 of cache; 40 are left for 5120 tokens.
    EXPECT_THAT(error.what(), AllOf(HasSubstr("9 layers (-ngl)"), HasSubstr("16384 tokens"),
                                    HasSubstr("88 MiB more"), HasSubstr("try -c 5120, -ngl 8 or")));
  }
  ModelSizes mixture = eight_layers();
  for (auto& layer : mixture.layers)
    layer = {.weights = 10 * kMiB, .experts = 400 * kMiB, .cache_per_token = 1024};
  try {
    place(mixture, one_gpu(700), {.gpu_units = 9, .context = 4096});
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("try --cpu-moe, -ngl 2 or -ngl auto"));
  }
}

TEST(Placement, ExpertsAndCacheMayStayWithTheCpu) {
  ModelSizes mixture = eight_layers();
  for (auto& layer : mixture.layers) layer.experts = 1000 * kMiB;
  const Placement experts =
      place(mixture, one_gpu(2000), {.gpu_units = 9, .cpu_experts = 8, .context = 4096});
  EXPECT_EQ(experts.loads[0].weights, 8000 * kMiB);
  EXPECT_EQ(experts.loads[1].weights, 900 * kMiB);
  const Placement cache =
      place(eight_layers(), one_gpu(2000), {.cpu_cache = true, .context = 4096});
  EXPECT_EQ(cache.loads[0].cache, 32 * kMiB);
  EXPECT_EQ(cache.loads[1].cache, 0u);
  EXPECT_THAT(cache.table().front(), HasSubstr("CPU: parts of layers"));
}

TEST(Placement, SharesOfSeveralGpus) {
  const std::vector<GpuRoom> two{{.id = "CUDA0", .free_bytes = 4000 * kMiB, .margin_bytes = 0},
                                 {.id = "CUDA1", .free_bytes = 2000 * kMiB, .margin_bytes = 0}};
  EXPECT_THAT(place(eight_layers(), two, {.context = 512}).places.device_of,
              ElementsAre(1, 1, 1, 1, 1, 1, 2, 2, 2));
  EXPECT_THAT(place(eight_layers(), two, {.shares = {1, 2}, .context = 512}).places.device_of,
              ElementsAre(1, 1, 1, 2, 2, 2, 2, 2, 2));
  EXPECT_THAT(place(eight_layers(), two, {.shares = {0, 1}, .context = 512}).places.device_of,
              ElementsAre(2, 2, 2, 2, 2, 2, 2, 2, 2));
}

TEST(Placement, SizesOfAFile) {
  const test::TinyFile bytes(test::TinyModel{.layers = 3});
  const gguf::File file = bytes.open();
  const ModelSizes sizes = measure(file, quant::Type::f16, quant::Type::f16, 512);
  ASSERT_THAT(sizes.layers, SizeIs(3));
  // 2 heads of 16 values, keys and values, 2 bytes each.
  EXPECT_EQ(sizes.layers[0].cache_per_token, 2 * 16 * 2 * 2);
  std::uint64_t all = sizes.output;
  for (const auto& layer : sizes.layers) all += layer.weights;
  std::uint64_t in_file = 0;
  for (const auto& tensor : file.tensors()) in_file += tensor.byte_size();
  const gguf::TensorInfo* table = file.find_tensor("token_embd.weight");
  const bool has_output = file.find_tensor("output.weight") != nullptr;
  EXPECT_EQ(all, in_file - (has_output ? table->byte_size() : 0));
  EXPECT_FALSE(sizes.has_experts());
  EXPECT_GT(sizes.step, 512u * 64 * sizeof(float));
}

TEST(Placement, LayersByName) {
  EXPECT_EQ(layer_of("blk.0.attn_q.weight"), 0);
  EXPECT_EQ(layer_of("blk.31.ffn_down.bias"), 31);
  EXPECT_EQ(layer_of("enc.blk.7.attn_o.weight"), 7);
  for (const char* name : {"token_embd.weight", "output.weight", "blk.", "blk.x.weight", "blk.3",
                           "blk.-1.weight", "rope_freqs.weight"}) {
    EXPECT_EQ(layer_of(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace llm
