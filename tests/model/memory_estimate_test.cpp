#include "model/memory_estimate.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "compute/device.h"
#include "compute/kv_pool.h"
#include "model/model.h"

namespace llm {
namespace {

const std::string kDemo = SOURCE_DIR "/models/demo.gguf";

TEST(MemoryEstimate, IsTheWeightsAndTheCacheThatTheModelWillMake) {
  const auto file = gguf::File::open(kDemo);
  const auto device = compute::make_cpu_device({.threads = 1});
  const auto model = Model::load(file, *device);
  for (const auto type : {quant::Type::f16, quant::Type::q8_0}) {
    const auto layout = model->kv_layout(type, type);
    const auto cache =
        static_cast<std::uint64_t>(layout.page_bytes()) * 4096 / compute::kPageTokens;
    EXPECT_EQ(estimate_memory(kDemo, {.context = 4096, .key_type = type, .value_type = type}),
              file.data_bytes() + cache);
  }
}

TEST(MemoryEstimate, WithoutAContextItIsTheTrainedOne) {
  const auto file = gguf::File::open(kDemo);
  const auto train = static_cast<int>(file.metadata().need<std::int64_t>(
      file.metadata().need<std::string>("general.architecture") + ".context_length"));
  EXPECT_EQ(estimate_memory(kDemo, {}), estimate_memory(kDemo, {.context = train}));
}

TEST(MemoryEstimate, WhatIsNoModelIsAnError) {
  EXPECT_THROW(estimate_memory("/no/such.gguf", {}), Error);
  EXPECT_THROW(estimate_memory(SOURCE_DIR "/README.md", {}), Error);
}

}  // namespace
}  // namespace llm
