// What is wrong with a file is said by name, before anything runs.
#include "model/check_tensors.h"
#include "model/tiny_file.h"
#include "model/vectors.h"

namespace llm::test {
namespace {

using testing::HasSubstr;

std::string load_error(std::span<const std::byte> bytes, const LoadOptions& options = {}) {
  const gguf::File file = gguf::File::parse(bytes, "tiny.gguf");
  const auto device = make_device("reference");
  try {
    Model::load(file, *device, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// The file with every occurrence of one name replaced by another of the same length.
std::vector<std::byte> renamed(const TinyFile& file, std::string_view from, std::string_view to) {
  std::vector<std::byte> bytes(file.bytes().begin(), file.bytes().end());
  auto* text = reinterpret_cast<char*>(bytes.data());
  std::string_view all(text, bytes.size());
  for (auto at = all.find(from); at != std::string_view::npos; at = all.find(from, at + 1)) {
    std::copy(to.begin(), to.end(), text + at);
  }
  return bytes;
}

TEST(Load, AnUnknownArchitectureIsRefusedWithTheKnownOnes) {
  const std::string error = load_error(TinyFile({.architecture = "lstm"}).bytes());
  EXPECT_THAT(error, HasSubstr("'lstm'"));
  EXPECT_THAT(error, HasSubstr("llama, "));
  EXPECT_THAT(error, HasSubstr("qwen3"));
}

TEST(CheckTensors, NamesTheTensorThatHoldsAValueThatIsNoNumber) {
  const TinyFile file{TinyModel{}};
  std::vector<std::byte> bytes(file.bytes().begin(), file.bytes().end());
  const gguf::File good = gguf::File::parse(bytes, "tiny.gguf");
  EXPECT_NO_THROW(check_tensors(good));
  const gguf::TensorInfo& tensor = *good.find_tensor("output_norm.weight");
  const float nan = NAN;
  std::memcpy(bytes.data() + (tensor.bytes.data() - bytes.data()) + 4, &nan, sizeof nan);
  try {
    check_tensors(gguf::File::parse(bytes, "tiny.gguf"));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("output_norm.weight"));
  }
}

TEST(Load, AMissingTensorIsNamedWithItsShape) {
  const TinyFile file{TinyModel{}};
  EXPECT_THAT(load_error(renamed(file, "blk.1.attn_k.weight", "blk.1.attn_x.weight")),
              HasSubstr("'blk.1.attn_k.weight' [32, 64] is missing"));
}

TEST(Load, AMisshapenTensorIsNamedWithBothShapes) {
  const TinyFile file{TinyModel{}};
  // Without the key there are as many key/value heads as query heads.
  EXPECT_THAT(load_error(renamed(file, "attention.head_count_kv", "attention.head_count_xx")),
              HasSubstr("'blk.0.attn_k.weight' has the shape [32, 64] where [64, 64] is needed"));
}

TEST(Load, AMissingKeyIsNamed) {
  const TinyFile file{TinyModel{}};
  EXPECT_THAT(load_error(renamed(file, "llama.block_count", "llama.block_xxxxx")),
              HasSubstr("llama.block_count"));
  EXPECT_THAT(load_error(renamed(file, "norm_rms_epsilon", "norm_rms_xxxxxxx")),
              HasSubstr("llama.attention.layer_norm_rms_epsilon"));
}

TEST(Load, HeadsThatDoNotDivideAreRefused) {
  EXPECT_THAT(load_error(TinyFile({.heads = 4, .kv_heads = 3}).bytes()),
              HasSubstr("4 query heads and 3 key/value heads"));
}

TEST(Load, AnUnknownRopeScalingIsRefused) {
  EXPECT_THAT(load_error(TinyFile(TinyModel{}).bytes(), {.rope_scaling = "cubic"}),
              HasSubstr("'cubic'"));
}

TEST(Load, ProgressRunsFromZeroToOneAndCanGiveUp) {
  const TinyFile file{TinyModel{}};
  std::vector<float> seen;
  EXPECT_EQ(load_error(file.bytes(), {.progress =
                                          [&](float done) {
                                            seen.push_back(done);
                                            return true;
                                          }}),
            "no error");
  ASSERT_GT(seen.size(), 10u);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_FLOAT_EQ(seen.back(), 1.0f);
  EXPECT_THAT(load_error(file.bytes(), {.progress = [](float) { return false; }}),
              HasSubstr("given up"));
}

}  // namespace
}  // namespace llm::test
