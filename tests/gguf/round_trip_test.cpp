// What the writer writes, the reader reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "gguf/reader.h"
#include "samples.h"

namespace llm::gguf {
namespace {

using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(GgufRoundTrip, KeysKeepTypeValueAndOrder) {
  TemporaryFolder folder;
  const Metadata written = test::every_value();
  test::write_sample(folder.file("a.gguf"), written, {});
  const File file = File::open(folder.file("a.gguf"));
  ASSERT_EQ(file.metadata().entries().size(), written.entries().size());
  for (std::size_t i = 0; i < written.entries().size(); ++i) {
    const auto& [key, value] = written.entries()[i];
    const auto& [read_key, read_value] = file.metadata().entries()[i];
    EXPECT_EQ(read_key, key);
    ASSERT_EQ(read_value.type(), value.type()) << key;
    if (value.type() == ValueType::array) {
      EXPECT_EQ(std::get<Array>(read_value.value).type, std::get<Array>(value.value).type);
      EXPECT_EQ(std::get<Array>(read_value.value).size(), std::get<Array>(value.value).size());
    }
  }
  const Metadata& m = file.metadata();
  EXPECT_EQ(m.need<std::string>("string"), std::string("a\0b", 3));
  EXPECT_EQ(m.need<std::int64_t>("i64"), std::int64_t{-1} << 62);
  EXPECT_THAT(m.need<std::vector<std::string>>("a.string"), ElementsAre("one", "", "drei"));
  EXPECT_THAT(m.need<std::vector<bool>>("a.bool"), ElementsAre(true, false, true));
  EXPECT_THAT(m.need<std::vector<std::int32_t>>("a.i16"), ElementsAre(-3, 4, 5));
  EXPECT_EQ(file.version(), 3U);
}

void expect_sample_tensors(const File& file) {
  ASSERT_EQ(file.tensors().size(), 5U);
  EXPECT_THAT(file.find_tensor("scalar")->shape, ElementsAre());
  EXPECT_THAT(file.find_tensor("vector")->shape, ElementsAre(5));
  EXPECT_THAT(file.find_tensor("matrix")->shape, ElementsAre(3, 64));
  EXPECT_THAT(file.find_tensor("stack")->shape, ElementsAre(2, 2, 256));
  EXPECT_THAT(file.find_tensor("four")->shape, ElementsAre(2, 3, 1, 7));
  EXPECT_EQ(file.find_tensor("matri"), nullptr);
  EXPECT_EQ(file.find_tensor("stack")->elements(), 1024);
  for (const TensorInfo& t : file.tensors()) {
    const auto expected = test::numbered_bytes(t.byte_size());
    EXPECT_TRUE(std::ranges::equal(t.bytes, expected)) << t.name;
  }
}

TEST(GgufRoundTrip, TensorsKeepShapeAndBytesMappedAndRead) {
  TemporaryFolder folder;
  test::write_sample(folder.file("a.gguf"), test::every_value(), test::some_tensors());
  expect_sample_tensors(File::open(folder.file("a.gguf")));
  expect_sample_tensors(File::open(folder.file("a.gguf"), {.use_mmap = false}));
  expect_sample_tensors(File::open(folder.file("a.gguf"), {.lock = true}));
  const File head = File::open(folder.file("a.gguf"), {.with_data = false});
  EXPECT_TRUE(head.find_tensor("matrix")->bytes.empty());
  EXPECT_EQ(head.data_bytes(), 4U + 20 + 3 * 36 + 4 * 144 + 2 * 42);
}

TEST(GgufRoundTrip, EveryAlignmentPlacesTheData) {
  TemporaryFolder folder;
  for (const std::uint32_t alignment : {1U, 8U, 32U, 4096U, 65536U}) {
    Metadata m = test::every_value();
    m.set("general.alignment", {alignment});
    test::write_sample(folder.file("a.gguf"), m, test::some_tensors());
    const File file = File::open(folder.file("a.gguf"));
    expect_sample_tensors(file);
    const auto* base = file.tensors()[0].bytes.data();
    EXPECT_EQ((file.find_tensor("four")->bytes.data() - base) % alignment, 0);
  }
}

TEST(GgufRoundTrip, TrailingOnesOfAShapeAreDropped) {
  TemporaryFolder folder;
  test::write_sample(folder.file("a.gguf"), {},
                     {{"row", quant::Type::f32, {1, 1, 6}}, {"one", quant::Type::f32, {1}}});
  const File file = File::open(folder.file("a.gguf"));
  EXPECT_THAT(file.find_tensor("row")->shape, ElementsAre(6));
  EXPECT_THAT(file.find_tensor("one")->shape, ElementsAre(1));
}

TEST(GgufWriter, LeavesNothingBehindUntilItIsFinished) {
  TemporaryFolder folder;
  {
    Writer writer(folder.file("a.gguf"), {}, {{"x", quant::Type::f32, {4}}});
    EXPECT_THROW(writer.finish(), Error);
    EXPECT_THROW(writer.write_tensor(test::numbered_bytes(15)), Error);
    EXPECT_TRUE(std::filesystem::exists(folder.file("a.gguf.part")));
  }
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.gguf.part")));
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.gguf")));
}

TEST(GgufWriter, TakesATensorInPieces) {
  TemporaryFolder folder;
  const auto bytes = test::numbered_bytes(16);
  Writer writer(folder.file("a.gguf"), {}, {{"x", quant::Type::f32, {4}}});
  writer.write_part(std::span(bytes).first(5));
  writer.write_part(std::span(bytes).subspan(5));
  EXPECT_THROW(writer.write_part(bytes), Error);
  writer.finish();
  EXPECT_TRUE(std::ranges::equal(File::open(folder.file("a.gguf")).tensors()[0].bytes, bytes));
}

TEST(GgufWriter, RefusesWhatAReaderWouldRefuse) {
  TemporaryFolder folder;
  const auto refused = [&](const TensorPlan& plan) {
    try {
      Writer(folder.file("bad.gguf"), {}, {plan, plan});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refused({"x", quant::Type::f32, {4}}), HasSubstr("twice"));
  EXPECT_THAT(refused({"", quant::Type::f32, {4}}), HasSubstr("name"));
  EXPECT_THAT(refused({std::string(64, 'x'), quant::Type::f32, {4}}), HasSubstr("name"));
  EXPECT_THAT(refused({"x", quant::Type::q4_0, {4, 33}}), HasSubstr("multiple of 32"));
  EXPECT_THAT(refused({"x", quant::Type::f32, {0}}), HasSubstr("dimension"));
  EXPECT_THAT(refused({"x", quant::Type::f32, {1, 1, 1, 1, 1}}), HasSubstr("dimensions"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("bad.gguf.part")));
  EXPECT_THROW(Writer(folder.file("no/such/folder.gguf"), {}, {}), Error);
}

}  // namespace
}  // namespace llm::gguf
