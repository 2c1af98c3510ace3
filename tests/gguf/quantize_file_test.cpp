#include "gguf/quantize_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "gguf/random_model.h"
#include "gguf/reader.h"
#include "samples.h"

namespace llm::gguf {
namespace {

using quant::Type;
using test::TemporaryFolder;
using testing::HasSubstr;

class QuantizeFile : public testing::Test {
 protected:
  void SetUp() override {
    RandomModel model;
    model.file_type = "F16";
    model.ffn = 256;
    model.vocab = 300;
    write_random_model(model, source_);
  }
  std::string error_of(const QuantizeOptions& options, const std::string& source) const {
    try {
      quantize_file(source, target_, options);
    } catch (const Error& error) {
      EXPECT_FALSE(std::filesystem::exists(target_));
      EXPECT_FALSE(std::filesystem::exists(target_ + ".part"));
      return error.what();
    }
    return "";
  }
  std::string error_of(const std::string& type) const {
    return error_of({.file_type = type}, source_);
  }

  TemporaryFolder folder_;
  std::string source_ = folder_.file("source.gguf");
  std::string target_ = folder_.file("target.gguf");
};

std::vector<float> values_of(const TensorInfo& t) {
  std::vector<float> out(static_cast<std::size_t>(t.elements()));
  quant::traits(t.type).dequantize(t.bytes.data(), out.data(), t.elements());
  return out;
}

TEST_F(QuantizeFile, KeepsKeysNormsAndNearlyTheValues) {
  const auto result = quantize_file(source_, target_, {.file_type = "q4_k_m", .threads = 3});
  const File before = File::open(source_);
  const File after = File::open(target_);
  EXPECT_EQ(after.metadata().need<std::uint32_t>("general.file_type"), 15U);
  EXPECT_EQ(after.metadata().entries().size(), before.metadata().entries().size());
  EXPECT_EQ(after.find_tensor("output.weight")->type, Type::q6_k);
  EXPECT_EQ(after.find_tensor("blk.0.attn_q.weight")->type, Type::q4_k);
  ASSERT_EQ(after.tensors().size(), before.tensors().size());
  for (std::size_t i = 0; i < after.tensors().size(); ++i) {
    const TensorInfo& a = before.tensors()[i];
    const TensorInfo& b = after.tensors()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.shape, b.shape);
    if (a.shape.size() == 1) {
      EXPECT_EQ(b.type, a.type);
      EXPECT_TRUE(std::ranges::equal(a.bytes, b.bytes));
      continue;
    }
    const auto x = values_of(a), y = values_of(b);
    double error = 0, size = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      error += std::pow(x[j] - y[j], 2);
      size += std::pow(x[j], 2);
    }
    EXPECT_LT(std::sqrt(error / size), 0.09) << a.name;
  }
  EXPECT_EQ(result.misfits, 0);
  EXPECT_EQ(result.bytes_before, before.data_bytes());
  EXPECT_EQ(result.bytes_after, after.data_bytes());
}

TEST_F(QuantizeFile, TheNumberOfThreadsChangesNothing) {
  quantize_file(source_, target_, {.file_type = "Q3_K_M", .threads = 1});
  const auto one = llm::test::read_file(target_);
  quantize_file(source_, target_, {.file_type = "Q3_K_M", .threads = 4});
  EXPECT_EQ(llm::test::read_file(target_), one);
}

TEST_F(QuantizeFile, EveryTypeWithAQuantiserGoesThrough) {
  for (const char* type :
       {"F32", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q4_K_S", "Q5_K_M",
        "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4_MOE", "TQ1_0", "TQ2_0", "Q1_0", "Q2_0"}) {
    quantize_file(source_, target_, {.file_type = type});
    EXPECT_EQ(File::open(target_).tensors().size(), File::open(source_).tensors().size()) << type;
  }
}

TEST_F(QuantizeFile, OptionsOverrideTheMix) {
  quantize_file(
      source_, target_,
      {.file_type = "Q4_K_M", .pure = true, .embedding_type = "q8_0", .keep_output = true});
  const File file = File::open(target_);
  EXPECT_EQ(file.find_tensor("output.weight")->type, Type::f16);
  EXPECT_EQ(file.find_tensor("token_embd.weight")->type, Type::q8_0);
  EXPECT_EQ(file.find_tensor("blk.0.ffn_down.weight")->type, Type::q4_k);
}

TEST_F(QuantizeFile, RowsThatDoNotFitAreTold) {
  RandomModel model;
  model.file_type = "F32";
  model.width = 96;
  model.ffn = 160;
  model.head_dim = 24;
  write_random_model(model, source_);
  std::vector<std::string> told;
  const auto result =
      quantize_file(source_, target_, {.file_type = "Q4_K_M"}, [&](const TensorStep& step) {
        if (step.wanted != step.to) told.emplace_back(step.name);
      });
  EXPECT_EQ(told.size(), static_cast<std::size_t>(result.misfits));
  EXPECT_THAT(told, testing::Contains("blk.0.attn_q.weight"));
  EXPECT_EQ(File::open(target_).find_tensor("blk.0.attn_q.weight")->type, Type::q5_0);
}

TEST_F(QuantizeFile, RefusalsNameTheCause) {
  EXPECT_THAT(error_of("Q9_9"), HasSubstr("Q9_9"));
  EXPECT_THAT(error_of("IQ1_S"), HasSubstr("imatrix"));
  EXPECT_THAT(error_of("NVFP4"), HasSubstr("NVFP4"));
  EXPECT_THAT(error_of({.file_type = "Q8_0"}, folder_.file("absent.gguf")), HasSubstr("absent"));
  EXPECT_THROW(quantize_file(source_, source_, {.file_type = "Q8_0"}), Error);
  quantize_file(source_, folder_.file("q.gguf"), {.file_type = "Q8_0"});
  EXPECT_THAT(error_of({.file_type = "Q4_0"}, folder_.file("q.gguf")), HasSubstr("requantize"));
  EXPECT_EQ(error_of({.file_type = "Q4_0", .allow_requantize = true}, folder_.file("q.gguf")), "");
}

TEST_F(QuantizeFile, ValuesThatAreNotFiniteAreRefused) {
  Metadata m;
  m.set("general.architecture", {std::string("llama")});
  std::vector<float> values(64, 1);
  values[40] = std::numeric_limits<float>::quiet_NaN();
  Writer writer(source_, m, {{"blk.0.attn_q.weight", Type::f32, {2, 32}}});
  writer.write_tensor(std::as_bytes(std::span(values)));
  writer.finish();
  const std::string error = error_of("Q8_0");
  EXPECT_THAT(error, HasSubstr("blk.0.attn_q.weight"));
  EXPECT_THAT(error, HasSubstr("row 1"));
}

/// An importance file for every matrix of the source.
void write_importance(const File& model, const std::string& path, std::int64_t lost_columns = 0) {
  Metadata m;
  m.set("general.type", {std::string("imatrix")});
  std::vector<TensorPlan> plans;
  for (const TensorInfo& t : model.tensors()) {
    if (t.shape.size() < 2) continue;
    plans.push_back({t.name + ".in_sum2", Type::f32, {1, t.shape.back() - lost_columns}});
    plans.push_back({t.name + ".counts", Type::f32, {1, 1}});
  }
  Writer writer(path, m, plans);
  for (std::size_t i = 0; i < plans.size(); i += 2) {
    std::vector<float> sums(static_cast<std::size_t>(plans[i].shape.back()), 1.0F);
    for (std::size_t c = 0; c < sums.size(); c += 2) sums[c] = 1000;
    writer.write_tensor(std::as_bytes(std::span(sums)));
    const float count = 4;
    writer.write_tensor(std::as_bytes(std::span(&count, 1)));
  }
  writer.finish();
}

TEST_F(QuantizeFile, ImportanceSteersTheSearchAndMakesFewBitsPossible) {
  const std::string importance = folder_.file("imatrix.gguf");
  write_importance(File::open(source_), importance);
  const auto even_error = [&](const std::string& imatrix) {
    quantize_file(source_, target_, {.file_type = "Q2_K", .imatrix = imatrix});
    const auto x = values_of(*File::open(source_).find_tensor("blk.0.attn_q.weight"));
    const auto y = values_of(*File::open(target_).find_tensor("blk.0.attn_q.weight"));
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); i += 2) sum += std::pow(x[i] - y[i], 2);
    return sum;
  };
  EXPECT_LT(even_error(importance), 0.9 * even_error(""));
  for (const char* type : {"IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ3_XXS", "IQ1_M"})
    EXPECT_EQ(error_of({.file_type = type, .imatrix = importance}, source_), "") << type;
}

TEST_F(QuantizeFile, ImportanceThatDoesNotFitIsRefused) {
  const std::string importance = folder_.file("imatrix.gguf");
  write_importance(File::open(source_), importance, 1);
  EXPECT_THAT(error_of({.file_type = "Q4_K_M", .imatrix = importance}, source_),
              HasSubstr("does not fit"));
  EXPECT_THAT(error_of({.file_type = "Q4_K_M", .imatrix = source_}, source_),
              HasSubstr("general.type"));
}

TEST_F(QuantizeFile, ASplitModelBecomesOneFile) {
  Metadata m;
  m.set("general.architecture", {std::string("llama")});
  m.set("split.no", {std::uint16_t{0}});
  m.set("split.count", {std::uint16_t{2}});
  m.set("split.tensors.count", {std::int32_t{2}});
  const std::string first = folder_.file("s-00001-of-00002.gguf");
  test::write_sample(first, m, {{"a.weight", Type::f32, {2, 32}}});
  m.set("split.no", {std::uint16_t{1}});
  test::write_sample(folder_.file("s-00002-of-00002.gguf"), m, {{"b", Type::i32, {3}}});
  quantize_file(first, target_, {.file_type = "Q8_0"});
  const File file = File::open(target_);
  EXPECT_EQ(file.tensors().size(), 2U);
  EXPECT_FALSE(file.metadata().has("split.count"));
}

}  // namespace
}  // namespace llm::gguf
