#include "gguf/random_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "gguf/random_vocabulary.h"
#include "gguf/reader.h"
#include "samples.h"

namespace llm::gguf {
namespace {

using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(RandomVocabulary, HasUniqueTokensThatItsMergesBuild) {
  const RandomVocabulary v(5000, 3);
  ASSERT_EQ(v.tokens.size(), 5000U);
  ASSERT_EQ(v.types.size(), 5000U);
  ASSERT_EQ(v.merges.size(), 5000U - 256 - 3);
  std::set<std::string> known(v.tokens.begin(), v.tokens.begin() + 256);
  EXPECT_EQ(known.size(), 256U);
  EXPECT_TRUE(known.contains("a"));
  EXPECT_TRUE(known.contains("\u0120"));  // the space
  EXPECT_TRUE(known.contains("\u010a"));  // the newline
  for (std::size_t i = 0; i < v.merges.size(); ++i) {
    const auto space = v.merges[i].find(' ', 1);
    const std::string left = v.merges[i].substr(0, space), right = v.merges[i].substr(space + 1);
    EXPECT_TRUE(known.contains(left)) << v.merges[i];
    EXPECT_TRUE(known.contains(right)) << v.merges[i];
    EXPECT_EQ(left + right, v.tokens[256 + i]);
    EXPECT_TRUE(known.insert(left + right).second) << v.merges[i];
  }
  EXPECT_THAT(std::vector(v.tokens.end() - 3, v.tokens.end()),
              ElementsAre("<|endoftext|>", "<|im_start|>", "<|im_end|>"));
  EXPECT_EQ(RandomVocabulary(259, 1).merges.size(), 0U);
  EXPECT_THROW(RandomVocabulary(258, 1), Error);
}

File made(const TemporaryFolder& folder, const RandomModel& model) {
  write_random_model(model, folder.file("m.gguf"));
  return File::open(folder.file("m.gguf"));
}

TEST(RandomModel, MayBeAnAdapter) {
  TemporaryFolder folder;
  const File file = made(folder, {.layers = 3, .lora_rank = 5});
  EXPECT_EQ(file.metadata().need<std::string>("adapter.type"), "lora");
  EXPECT_EQ(file.metadata().need<std::string>("general.architecture"), "llama");
  EXPECT_EQ(file.tensors().size(), 2U * 7 * 3);
  const TensorInfo* a = file.find_tensor("blk.2.ffn_down.weight.lora_a");
  const TensorInfo* b = file.find_tensor("blk.2.ffn_down.weight.lora_b");
  ASSERT_TRUE(a && b);
  EXPECT_THAT(a->shape, ElementsAre(5, 512));
  EXPECT_THAT(b->shape, ElementsAre(256, 5));
  EXPECT_THROW(made(folder, {.lora_rank = -1}), Error);
}

TEST(RandomModel, EveryFamilyHasItsTensors) {
  TemporaryFolder folder;
  RandomModel model;
  for (const auto arch : random_model_families()) {
    model.arch = arch;
    const bool experts = arch == "qwen3moe";
    model.experts = experts ? 8 : 0;
    model.experts_used = experts ? 2 : 0;
    model.expert_ffn = experts ? 128 : 0;
    const File file = made(folder, model);
    const auto shape_of = [&](const char* name) {
      const TensorInfo* t = file.find_tensor(name);
      return t ? t->shape : std::vector<std::int64_t>{};
    };
    EXPECT_THAT(shape_of("token_embd.weight"), ElementsAre(512, 256));
    EXPECT_THAT(shape_of("output_norm.weight"), ElementsAre(256));
    EXPECT_THAT(shape_of("blk.1.attn_q.weight"), ElementsAre(256, 256));
    EXPECT_THAT(shape_of("blk.1.attn_k.weight"), ElementsAre(128, 256));
    EXPECT_EQ(shape_of("blk.0.attn_q.bias").size(), arch == "qwen2" ? 1U : 0U);
    EXPECT_EQ(shape_of("blk.0.attn_q_norm.weight").size(),
              arch == "llama" || arch == "qwen2" ? 0U : 1U);
    EXPECT_EQ(shape_of("blk.0.post_ffw_norm.weight").size(), arch == "gemma3" ? 1U : 0U);
    EXPECT_EQ(shape_of("output.weight").size(), arch == "gemma3" ? 0U : 2U);
    if (experts) {
      EXPECT_THAT(shape_of("blk.0.ffn_down_exps.weight"), ElementsAre(8, 256, 128));
      EXPECT_EQ(file.find_tensor("blk.0.ffn_gate_inp.weight")->type, quant::Type::f32);
    } else {
      EXPECT_THAT(shape_of("blk.0.ffn_down.weight"), ElementsAre(256, 512));
    }
    const std::string prefix = std::string(arch) + ".";
    EXPECT_EQ(file.metadata().need<std::uint32_t>(prefix + "block_count"), 2U);
    EXPECT_EQ(file.metadata().need<std::string>("general.architecture"), arch);
  }
}

TEST(RandomModel, EveryTypeCanBeAskedFor) {
  TemporaryFolder folder;
  RandomModel model;
  model.layers = 1;
  model.ffn = 256;
  for (const char* type : {"F32", "F16", "BF16", "Q8_0", "Q4_K_M", "IQ2_XXS", "IQ1_M", "NVFP4"}) {
    model.file_type = type;
    const File file = made(folder, model);
    const bool nvfp4 = std::string(type) == "NVFP4";
    EXPECT_EQ(file.find_tensor("blk.0.attn_q.scale") != nullptr, nvfp4) << type;
    EXPECT_EQ(file.find_tensor("blk.0.attn_norm.weight")->type, quant::Type::f32);
  }
}

TEST(RandomModel, EqualSeedsGiveEqualFiles) {
  TemporaryFolder folder;
  const auto bytes = [&](std::uint64_t seed) {
    RandomModel model;
    model.seed = seed;
    write_random_model(model, folder.file("m.gguf"));
    return llm::test::read_file(folder.file("m.gguf"));
  };
  const auto first = bytes(1);
  EXPECT_EQ(bytes(1), first);
  EXPECT_NE(bytes(2), first);
}

TEST(RandomModel, ImpossibleSizesAreNamed) {
  TemporaryFolder folder;
  const auto error = [&](auto change) -> std::string {
    RandomModel model;
    change(model);
    try {
      write_random_model(model, folder.file("m.gguf"));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(error([](RandomModel& m) { m.arch = "gpt9"; }), HasSubstr("gpt9"));
  EXPECT_THAT(error([](RandomModel& m) { m.file_type = "Q9"; }), HasSubstr("Q9"));
  EXPECT_THAT(error([](RandomModel& m) { m.heads = 3; }), HasSubstr("3 heads"));
  EXPECT_THAT(error([](RandomModel& m) { m.layers = 0; }), HasSubstr("layers"));
  EXPECT_THAT(error([](RandomModel& m) { m.vocab = 10; }), HasSubstr("vocabulary"));
  EXPECT_THAT(error([](RandomModel& m) { m.experts = 4; }), HasSubstr("experts"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("m.gguf")));
}

TEST(RandomModel, PresetsAreConsistent) {
  for (const RandomModelPreset& preset : random_model_presets()) {
    const RandomModel& m = preset.model;
    EXPECT_EQ(m.heads % m.kv_heads, 0) << preset.name;
    EXPECT_GE(m.vocab, RandomVocabulary::kSmallest) << preset.name;
  }
}

}  // namespace
}  // namespace llm::gguf
