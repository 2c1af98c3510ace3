// The promise of compute/device.h: a token's logits have the same bits whether its prompt came
// whole, in chunks or token by token, alone or beside other sequences, on one thread or several.
#include <cstring>
#include <random>

#include "model/tiny_file.h"
#include "model/vectors.h"

namespace llm::test {
namespace {

constexpr int kLength = 1200;  // three ranges of positions (cpu/vector_kernels.h)

struct Setting {
  const char* name;
  TinyModel model;
  quant::Type key_type = quant::Type::f32, value_type = quant::Type::f32;
};

void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.name;
}

const Setting kSettings[] = {
    {"f32", {}},
    {"f16", {}, quant::Type::f16, quant::Type::f16},
    {"q8_0", {.width = 256}, quant::Type::q8_0, quant::Type::q8_0},
    {"q4_0_f16", {.width = 128}, quant::Type::q4_0, quant::Type::f16},
    {"one_kv_head", {.heads = 4, .kv_heads = 1}, quant::Type::f16, quant::Type::bf16},
    {"many_heads", {.heads = 16, .kv_heads = 16}, quant::Type::f16, quant::Type::f16},
    {"window", {.architecture = "gemma3", .window = 100, .head_norms = true}},
    {"experts", {.architecture = "qwen3moe", .experts = 8, .experts_used = 3, .head_norms = true}},
};

/// Stricter than ==: signs of zeros and NaNs count.
bool same_bits(const Logits& a, const Logits& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class Determinism : public testing::TestWithParam<std::tuple<Setting, const char*>> {
 protected:
  Determinism() : setting_(std::get<0>(GetParam())), bytes_(setting_.model), file_(bytes_.open()) {}

  void SetUp() override {
    if (!make_device(isa())) GTEST_SKIP() << isa() << " does not run here";
    std::mt19937 random(7);
    for (int i = 0; i < kLength; ++i) {
      prompt_.push_back(static_cast<TokenId>(random() % 96));
      other_.push_back(static_cast<TokenId>(random() % 96));
    }
  }

  const char* isa() const { return std::get<1>(GetParam()); }
  Runner runner(int threads = 2) const {
    return {file_, make_device(isa(), threads), setting_.key_type, setting_.value_type,
            kLength + 32};
  }

  Setting setting_;
  TinyFile bytes_;
  gguf::File file_;
  Tokens prompt_, other_;
};

TEST_P(Determinism, PromptsInChunksEqualWholeOnes) {
  Runner whole = runner(), chunked = runner();
  const std::vector<Logits> expected = whole.prompt(0, prompt_);
  const int sizes[] = {1, 31, 33, 512, 7, 64, 2, 200};
  int done = 0;
  for (int i = 0; done < kLength; ++i) {
    const int count = std::min(sizes[i % 8], kLength - done);
    const BatchSequence batch =
        chunked.slice(0, std::span(prompt_).subspan(done, count), done, Outputs::all);
    const std::vector<Logits> rows = chunked.forward({&batch, 1});
    for (int j = 0; j < count; ++j) {
      ASSERT_TRUE(same_bits(rows[j], expected[done + j])) << done + j;
    }
    done += count;
  }
}

TEST_P(Determinism, TokenByTokenEqualsOneBatch) {
  Runner whole = runner(), single = runner();
  const int start = kLength - 70;  // the last ones: they see several ranges
  const std::vector<Logits> expected = whole.prompt(0, prompt_);
  const BatchSequence batch = single.slice(0, std::span(prompt_).first(start), 0, Outputs::none);
  EXPECT_TRUE(single.forward({&batch, 1}).empty());
  for (int i = start; i < kLength; ++i) {
    ASSERT_TRUE(same_bits(single.one(0, prompt_[i], i), expected[i])) << i;
  }
}

TEST_P(Determinism, MixedBatchesEqualSequencesAlone) {
  Runner alone = runner(), mixed = runner();
  const std::vector<Logits> expected = alone.prompt(0, prompt_);
  const std::vector<Logits> expected_other = alone.prompt(1, other_);
  const BatchSequence first[] = {mixed.slice(2, std::span(other_).first(900), 0, Outputs::last),
                                 mixed.slice(1, std::span(prompt_).first(40), 0, Outputs::none)};
  const std::vector<Logits> one = mixed.forward(first);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_TRUE(same_bits(one[0], expected_other[899]));
  // A decoding sequence beside a prompt chunk and another decoding one.
  const BatchSequence second[] = {
      mixed.slice(2, std::span(other_).subspan(900, 1), 900, Outputs::last),
      mixed.slice(1, std::span(prompt_).subspan(40, 600), 40, Outputs::all),
      mixed.slice(0, std::span(prompt_).first(3), 0, Outputs::last)};
  const std::vector<Logits> rows = mixed.forward(second);
  ASSERT_EQ(rows.size(), 602u);
  EXPECT_TRUE(same_bits(rows[0], expected_other[900]));
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(same_bits(rows[1 + i], expected[40 + i])) << i;
  EXPECT_TRUE(same_bits(rows[601], expected[2]));
}

TEST_P(Determinism, ThreadsDoNotMatter) {
  Runner one = runner(1), many = runner(5);
  const std::vector<Logits> expected = one.prompt(0, prompt_), found = many.prompt(0, prompt_);
  for (int i = 0; i < kLength; ++i) ASSERT_TRUE(same_bits(found[i], expected[i])) << i;
  EXPECT_TRUE(same_bits(one.one(0, 5, kLength), many.one(0, 5, kLength)));
}

TEST_P(Determinism, AgreesWithTheReferenceDevice) {
  Runner fast = runner();
  Runner reference(file_, make_device("reference"), setting_.key_type, setting_.value_type,
                   kLength + 32);
  const Tokens part(prompt_.begin(), prompt_.begin() + 150);
  const std::vector<Logits> found = fast.prompt(0, part), expected = reference.prompt(0, part);
  Distance distance;
  for (std::size_t i = 0; i < found.size(); ++i) distance.add(found[i], expected[i]);
  // A cache value next to a rounding boundary may fall to the other side.
  const bool rounds = setting_.key_type != quant::Type::f32;
  EXPECT_LE(distance.nmse(), rounds ? 1e-4 : 1e-9);
}

std::string setting_on_device(const testing::TestParamInfo<Determinism::ParamType>& info) {
  return std::string(std::get<0>(info.param).name) + "_on_" + std::get<1>(info.param);
}

INSTANTIATE_TEST_SUITE_P(Tiny, Determinism,
                         testing::Combine(testing::ValuesIn(kSettings),
                                          testing::Values("portable", "avx2", "avx512",
                                                          "avx512_vnni", "avx512_bf16", "amx")),
                         setting_on_device);

}  // namespace
}  // namespace llm::test
