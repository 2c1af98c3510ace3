#include "quant/file_type.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/json.h"
#include "shared_files.h"

namespace llm::quant {
namespace {

using Shape = std::vector<std::int64_t>;

TEST(FileTypes, AreFoundByAnyCaseAndShortName) {
  EXPECT_EQ(find_file_type("q4_k_m")->number, 15U);
  EXPECT_EQ(find_file_type("Q4_K"), find_file_type("Q4_K_M"));
  EXPECT_EQ(find_file_type("IQ4_XS")->base, Type::iq4_xs);
  EXPECT_EQ(find_file_type("Q9_0"), nullptr);
}

TEST(FileTypes, OnlyMatricesAreQuantised) {
  EXPECT_TRUE(is_quantizable("blk.0.attn_q.weight", Shape{8, 8}));
  EXPECT_TRUE(is_quantizable("blk.0.ffn_up_exps.weight", Shape{2, 8, 8}));
  EXPECT_TRUE(is_quantizable("token_embd.weight", Shape{8, 8}));
  EXPECT_FALSE(is_quantizable("blk.0.attn_q.bias", Shape{8}));
  EXPECT_FALSE(is_quantizable("blk.0.attn_norm.weight", Shape{8}));
  EXPECT_FALSE(is_quantizable("blk.0.attn_q_norm.weight", Shape{8, 8}));
  EXPECT_FALSE(is_quantizable("blk.0.ffn_gate_inp.weight", Shape{8, 8}));
  EXPECT_FALSE(is_quantizable("blk.0.ssm_conv1d.weight", Shape{8, 4}));
  EXPECT_FALSE(is_quantizable("blk.0.ssm_a", Shape{8, 4}));
}

TEST(FileTypes, RowsThatDoNotFitGetARelatedType) {
  EXPECT_EQ(fitting(Type::q4_k, 512), Type::q4_k);
  EXPECT_EQ(fitting(Type::q4_k, 96), Type::q5_0);
  EXPECT_EQ(fitting(Type::q5_k, 96), Type::q5_1);
  EXPECT_EQ(fitting(Type::q6_k, 96), Type::q8_0);
  EXPECT_EQ(fitting(Type::q3_k, 96), Type::iq4_nl);
  EXPECT_EQ(fitting(Type::iq4_xs, 96), Type::iq4_nl);
  EXPECT_EQ(fitting(Type::tq1_0, 96), Type::q4_0);
  EXPECT_EQ(fitting(Type::q4_0, 48), Type::f16);
  EXPECT_EQ(fitting(Type::q4_k, 48), Type::f16);
}

TEST(FileTypes, TheMiddleMixesGiveSomeLayersMoreBits) {
  const FileType& q4_k_m = *find_file_type("Q4_K_M");
  const ModelFacts model{.layers = 32, .heads = 32, .kv_heads = 8};
  int more = 0;
  for (int layer = 0; layer < 32; ++layer) {
    const auto type_of = [&](const std::string& part) {
      return mixed_type(q4_k_m, "blk." + std::to_string(layer) + "." + part, Shape{256, 256},
                        model);
    };
    EXPECT_EQ(type_of("attn_q.weight"), Type::q4_k);
    EXPECT_EQ(type_of("ffn_down.weight"), type_of("attn_v.weight"));
    more += type_of("ffn_down.weight") == Type::q6_k;
  }
  EXPECT_EQ(more, 16);  // 4 + 4 at the ends, every third of 24
}

TEST(FileTypes, TheOutputKeepsMoreBitsEvenWhenItIsTheEmbedding) {
  const FileType& q4_0 = *find_file_type("Q4_0");
  const auto type_of = [&](const char* name, bool has_output) {
    return mixed_type(q4_0, name, Shape{256, 256}, {.layers = 2, .has_output = has_output});
  };
  EXPECT_EQ(type_of("output.weight", true), Type::q6_k);
  EXPECT_EQ(type_of("token_embd.weight", true), Type::q4_0);
  EXPECT_EQ(type_of("token_embd.weight", false), Type::q6_k);
}

TEST(FileTypes, ExpertsAloneGetFp4) {
  const FileType& type = *find_file_type("mxfp4_moe");
  EXPECT_EQ(mixed_type(type, "blk.0.ffn_up_exps.weight", Shape{4, 64, 64}, {}), Type::mxfp4);
  EXPECT_EQ(mixed_type(type, "blk.0.attn_q.weight", Shape{64, 64}, {}), Type::q8_0);
}

TEST(FileTypes, MixesEqualThoseOfTheReferenceModels) {
  LLM_NEED_SHARED("vectors/quant-models");
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::shared_dir() / "vectors/quant-models")) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename();
    const FileType* type = find_file_type(name);
    ASSERT_NE(type, nullptr) << name;
    const auto text = test::read_file(entry.path() / "vectors.json");
    const Json vectors = Json::parse(text.begin(), text.end());
    const bool experts = vectors["tensor_types"].contains("blk.1.attn_q.weight");
    const ModelFacts model{.layers = experts ? 2 : 1, .heads = 4, .kv_heads = 2};
    for (const auto& [tensor, expected] : vectors["tensor_types"].items()) {
      const bool stack = tensor.find("_exps") != tensor.npos;
      const Shape shape = stack ? Shape{4, 256, 256} : Shape{256, 256};
      if (!is_quantizable(tensor, shape)) continue;
      const Traits* wanted = find_traits(expected.get<std::string>());
      ASSERT_NE(wanted, nullptr);
      EXPECT_EQ(traits(mixed_type(*type, tensor, shape, model)).name, wanted->name)
          << name << " " << tensor;
    }
    ++files;
  }
  EXPECT_EQ(files, 35);
}

}  // namespace
}  // namespace llm::quant
