#include "gguf/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace llm::gguf {
namespace {

using testing::ElementsAre;

Metadata one(Value value) {
  Metadata m;
  m.set("the.key", std::move(value));
  return m;
}

template <class T>
std::string error_of(const Metadata& m, const char* key = "the.key") {
  try {
    m.get<T>(key);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Metadata, IntegersOfAnyWidthConvertWhenTheyFit) {
  EXPECT_EQ(one({std::uint8_t{200}}).get<std::int64_t>("the.key"), 200);
  EXPECT_EQ(one({std::int64_t{70000}}).get<std::uint32_t>("the.key"), 70000U);
  EXPECT_EQ(one({std::uint64_t{5}}).get<std::int32_t>("the.key"), 5);
  EXPECT_EQ(one({std::int16_t{-4}}).get<float>("the.key"), -4.0F);
  EXPECT_EQ(one({0.5}).get<float>("the.key"), 0.5F);
  EXPECT_EQ(one({0.5F}).get<double>("the.key"), 0.5);
}

TEST(Metadata, ValuesThatDoNotFitNameTheKey) {
  EXPECT_NE(error_of<std::uint32_t>(one({std::int32_t{-1}})).find("the.key"), std::string::npos);
  EXPECT_NE(error_of<std::int32_t>(one({std::uint64_t{1} << 40})), "");
  EXPECT_NE(error_of<std::int64_t>(one({std::uint64_t{1} << 63})), "");
  EXPECT_NE(error_of<std::int64_t>(one({1.0F})), "");
  EXPECT_NE(error_of<std::uint32_t>(one({true})), "");
  EXPECT_NE(error_of<bool>(one({std::uint8_t{1}})), "");
  EXPECT_NE(error_of<std::string>(one({std::uint8_t{1}})), "");
  EXPECT_NE(error_of<float>(one({std::string("1")})), "");
  EXPECT_NE(error_of<std::vector<float>>(one({1.0F})), "");
}

TEST(Metadata, ArraysConvertElementByElement) {
  const Metadata m = one(array_value<std::int32_t>({1, 0, 3}));
  EXPECT_THAT(*m.get<std::vector<std::uint32_t>>("the.key"), ElementsAre(1, 0, 3));
  EXPECT_THAT(*m.get<std::vector<float>>("the.key"), ElementsAre(1, 0, 3));
  EXPECT_THAT(*m.get<std::vector<bool>>("the.key"), ElementsAre(true, false, true));
  EXPECT_THAT(*one(array_value<bool>({true, false})).get<std::vector<std::int32_t>>("the.key"),
              ElementsAre(1, 0));
  const std::string error =
      error_of<std::vector<std::uint32_t>>(one(array_value<std::int32_t>({1, -1})));
  EXPECT_NE(error.find("element 1"), std::string::npos) << error;
  EXPECT_NE(error_of<std::vector<std::string>>(m), "");
}

TEST(Metadata, AbsentKeysAreNulloptOrAnError) {
  const Metadata m;
  EXPECT_EQ(m.get<float>("x"), std::nullopt);
  EXPECT_EQ(m.get_or<std::uint32_t>("x", 9), 9U);
  EXPECT_THROW(m.need<float>("x"), Error);
}

TEST(Metadata, KeepsOrderAndReplaces) {
  Metadata m;
  for (int i = 0; i < 1000; ++i) m.set("key" + std::to_string(i), {std::int32_t{i}});
  m.set("key500", {std::string("new")});
  ASSERT_EQ(m.entries().size(), 1000U);
  EXPECT_EQ(m.entries()[7].first, "key7");
  EXPECT_EQ(m.need<std::string>("key500"), "new");
  EXPECT_EQ(m.need<std::int32_t>("key999"), 999);
  EXPECT_FALSE(m.has("key1000"));
}

}  // namespace
}  // namespace llm::gguf
