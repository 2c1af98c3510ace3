// The trained story model (../shared/models) tells its published story.
#include "model/vectors.h"

namespace llm::test {
namespace {

const Tokens kPrompt = {1, 403, 407, 261, 378};  // "Once upon a time"
const Tokens kStory = {432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401,
                       396, 267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433,
                       426, 385, 328, 432, 358, 394, 261, 370, 432, 352, 266, 268, 388,
                       426, 338, 391, 266, 267, 337, 335, 312, 432, 398, 312, 286, 267,
                       414, 270, 333, 415, 426, 13,  438, 310, 439, 419, 357, 336};

class Stories : public testing::TestWithParam<const char*> {};

TEST_P(Stories, GreedyTextIsThePublishedOne) {
  LLM_NEED_SHARED("models/stories260K.gguf");
  auto device = make_device(GetParam());
  if (!device) GTEST_SKIP() << GetParam() << " does not run here";
  const gguf::File file = gguf::File::open(shared_dir() / "models/stories260K.gguf");
  Runner runner(file, std::move(device), quant::Type::f16, quant::Type::f16);
  const ModelInfo& info = runner.model().info();
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_EQ(info.vocab, 512);
  EXPECT_EQ(info.width, 64);
  EXPECT_EQ(info.layers, 5);
  EXPECT_EQ(info.context_train, 2048);
  EXPECT_EQ(info.file_type, "all F32");

  const Runner::Greedy story =
      runner.greedy(0, runner.prompt(0, kPrompt).back(), static_cast<int>(kPrompt.size()),
                    static_cast<int>(kStory.size()));
  EXPECT_EQ(story.tokens, kStory);
  EXPECT_NEAR(story.logprobs[0], -0.0318, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Devices, Stories, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

}  // namespace
}  // namespace llm::test
