// Every family against the numbers of ../shared/vectors/archs: logits of whole prompts, greedy
// continuations token by token, on the reference device and on each instruction set.
#include "model/vectors.h"

namespace llm::test {
namespace {

const char* const kGenerators[] = {"llama",
                                   "llama-bias",
                                   "llama-fused-qkv",
                                   "llama-headdim16",
                                   "llama-longrope",
                                   "llama-mha-tied",
                                   "llama-moe",
                                   "llama-moe-2of8",
                                   "llama-rope-yarn",
                                   "llama-rope-linear",
                                   "llama-rope-factors",
                                   "mistral3",
                                   "mistral3-plain",
                                   "qwen",
                                   "qwen2",
                                   "qwen2-tied",
                                   "qwen2vl",
                                   "qwen3",
                                   "qwen3-untied",
                                   "qwen3moe",
                                   "qwen3moe-8x3",
                                   "qwen3vl",
                                   "qwen3vlmoe",
                                   "gemma",
                                   "gemma2",
                                   "gemma3",
                                   "gpt-oss",
                                   "phi2",
                                   "phi3",
                                   "phi3-longrope",
                                   "phi3-longrope-short",
                                   "granite",
                                   "granitemoe",
                                   "minicpm",
                                   "chatglm",
                                   "glm4",
                                   "glm4moe",
                                   "deepseek",
                                   "minimax-m2",
                                   "hunyuan-dense",
                                   "hunyuan-moe",
                                   "ernie4_5",
                                   "ernie4_5-moe",
                                   "exaone4",
                                   "command-r",
                                   "cohere2",
                                   "olmo2",
                                   "olmo2-swa",
                                   "olmoe",
                                   "seed_oss",
                                   "smollm3",
                                   "starcoder2",
                                   "gptneox",
                                   "gptneox-seq",
                                   "falcon",
                                   "falcon-40b",
                                   "baichuan"};

class Families : public ArchVectors {};

const Json& exact(const Json& owner, const std::string& field) {
  return owner.contains(field + "_exact") ? owner.at(field + "_exact") : owner.at(field);
}

TEST_P(Families, PromptAndContinuationMatch) {
  int id = 0;
  for (const Json& sequence : expected_.at("sequences")) {
    SCOPED_TRACE(sequence.at("id").get<std::string>());
    const Tokens tokens = sequence.at("tokens");
    const std::vector<Logits> logits = runner_->prompt(id, tokens);
    Distance distance;
    for (const Json& row : exact(sequence, "logits")) {
      distance.add(logits.at(row.at("pos")), row.at("values").get<Logits>());
    }
    EXPECT_LE(distance.max, kMaxDifference);
    EXPECT_LE(distance.nmse(), kMaxNmse);

    const Json& expected = sequence.at("greedy");
    const Runner::Greedy greedy =
        runner_->greedy(id, logits.back(), static_cast<int>(tokens.size()), 16);
    EXPECT_EQ(greedy.tokens, expected.at("tokens").get<Tokens>());
    Distance last, logprobs;
    last.add(greedy.last_logits, exact(expected, "last_logits").get<Logits>());
    logprobs.add(greedy.logprobs, exact(expected, "logprobs").get<Logits>());
    EXPECT_LE(last.max, kMaxDifference);
    EXPECT_LE(logprobs.max, kMaxDifference);
    ++id;
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, Families,
                         testing::Combine(testing::ValuesIn(kGenerators),
                                          testing::ValuesIn(kDevices)),
                         name_on_device<Families::ParamType>);

}  // namespace
}  // namespace llm::test
