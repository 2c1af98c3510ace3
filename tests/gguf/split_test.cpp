// Models in several files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "gguf/reader.h"
#include "samples.h"

namespace llm::gguf {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

Metadata part_keys(int number, int count, int tensors) {
  Metadata m;
  if (number == 0) m.set("general.architecture", {std::string("llama")});
  m.set("split.no", {static_cast<std::uint16_t>(number)});
  m.set("split.count", {static_cast<std::uint16_t>(count)});
  m.set("split.tensors.count", {std::int32_t{tensors}});
  return m;
}

class GgufSplit : public testing::Test {
 protected:
  std::string path(int number) const {
    return folder_.file("m-0000" + std::to_string(number + 1) + "-of-00003.gguf");
  }
  /// Three parts; the first holds no tensor.
  void write_parts(int announced = 3) {
    test::write_sample(path(0), part_keys(0, 3, announced), {});
    test::write_sample(path(1), part_keys(1, 3, announced),
                       {{"b", quant::Type::f32, {4}}, {"a", quant::Type::f32, {2}}});
    test::write_sample(path(2), part_keys(2, 3, announced), {{"c", quant::Type::q8_0, {32}}});
  }
  std::string error() const { return error_of(path(0)); }
  static std::string error_of(const std::string& file) {
    try {
      File::open(file);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  TemporaryFolder folder_;
};

TEST_F(GgufSplit, PartsBecomeOneModel) {
  write_parts();
  for (const bool use_mmap : {true, false}) {
    const File file = File::open(path(0), {.use_mmap = use_mmap});
    EXPECT_EQ(file.tensors().size(), 3U);
    EXPECT_EQ(file.metadata().need<std::string>("general.architecture"), "llama");
    for (const char* name : {"a", "b", "c"}) {
      const TensorInfo* t = file.find_tensor(name);
      ASSERT_NE(t, nullptr);
      EXPECT_TRUE(std::ranges::equal(t->bytes, test::numbered_bytes(t->byte_size())));
    }
  }
}

TEST_F(GgufSplit, AMissingPartIsNamed) {
  write_parts();
  std::filesystem::remove(path(2));
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf"));
}

TEST_F(GgufSplit, TheFirstPartMustBeGiven) {
  write_parts();
  EXPECT_THAT(error_of(path(1)), HasSubstr("part 2"));
}

TEST_F(GgufSplit, TheNameMustFitTheCount) {
  write_parts();
  std::filesystem::copy_file(path(0), folder_.file("other.gguf"));
  EXPECT_THAT(error_of(folder_.file("other.gguf")), HasSubstr("-00001-of-00003.gguf"));
}

TEST_F(GgufSplit, NumbersMustMatch) {
  write_parts();
  test::write_sample(path(2), part_keys(1, 3, 3), {{"c", quant::Type::q8_0, {32}}});
  EXPECT_THAT(error(), HasSubstr("split.no"));
  test::write_sample(path(2), {}, {{"c", quant::Type::q8_0, {32}}});
  EXPECT_THAT(error(), HasSubstr("split.no"));
}

TEST_F(GgufSplit, TensorsMustBeAllThereAndOnlyOnce) {
  write_parts(4);
  EXPECT_THAT(error(), HasSubstr("split.tensors.count"));
  write_parts();
  test::write_sample(path(2), part_keys(2, 3, 3), {{"a", quant::Type::q8_0, {32}}});
  EXPECT_THAT(error(), HasSubstr("'a'"));
}

}  // namespace
}  // namespace llm::gguf
