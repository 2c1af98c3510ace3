#include "server/request/body.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace llm::server {
namespace {

TEST(Body, RefusesWhatIsNoJson) {
  for (const char* text : {"", "nope", "{\"a\":1,}", "{\"a\":", "{} x", "{\"a\":1e999}", "\xFF"}) {
    EXPECT_THROW(parse_body(text), RequestError) << text;
  }
  try {
    parse_body("{\"prompt\": \"x\",}");
    FAIL();
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.type, "invalid_request_error");
    EXPECT_NE(std::string(error.what()).find("parse error at line 1, column 16"),
              std::string::npos);
  }
}

TEST(Body, RefusesInvalidUtf8) {
  EXPECT_THROW(parse_body("{\"a\":\"\xC3\x28\"}"), RequestError);
  EXPECT_THROW(parse_body("{\"a\":\"\xED\xA0\x80\"}"), RequestError);
  EXPECT_THROW(parse_body("{\"a\":\"\\ud800\"}"), RequestError);
  EXPECT_NO_THROW(parse_body("{\"a\":\"\xC3\xA9\"}"));
}

TEST(Body, NestingIsBoundedBeforeAnythingWalksIt) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parse_body(nested(kMaxJsonDepth)));
  EXPECT_THROW(parse_body(nested(kMaxJsonDepth + 1)), RequestError);
  EXPECT_THROW(parse_body(std::string(10'000'000, '[')), RequestError);
  EXPECT_THROW(parse_body("{\"a\":" + nested(100'000) + "}"), RequestError);
  // Brackets inside strings do not count, escaped quotes do not end a string.
  EXPECT_NO_THROW(parse_body("\"" + std::string(1000, '[') + "\""));
  EXPECT_NO_THROW(parse_body("\"\\\"" + std::string(1000, '{') + "\""));
}

TEST(Body, MustBeAnObjectWhereOneIsNeeded) {
  EXPECT_THROW(parse_object("[1]"), RequestError);
  EXPECT_THROW(parse_object("3"), RequestError);
  EXPECT_EQ(parse_object("{\"a\":1}")["a"], 1);
}

}  // namespace
}  // namespace llm::server
