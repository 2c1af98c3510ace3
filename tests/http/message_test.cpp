#include "http/message.h"

#include <gmock/gmock.h>

#include "http/core.h"
#include "http/target.h"

namespace llm::http {
namespace {

using testing::ElementsAre;
using testing::Eq;
using testing::HasSubstr;
using testing::Not;
using testing::Optional;
using testing::Pair;

TEST(Target, PathsAreDecodedAndQueriesParted) {
  const auto target = parse_target("/a%20b/%C3%A9?x=1&y=a+b%21&flag&x=2&bad=%zz");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a b/\xC3\xA9");
  EXPECT_THAT(target->query,
              ElementsAre(Pair("bad", "%zz"), Pair("flag", ""), Pair("x", "1"), Pair("y", "a b!")));
  EXPECT_EQ(parse_target("http://h:1/p?q=1")->path, "/p");
  EXPECT_EQ(parse_target("http://h")->path, "/");
  EXPECT_EQ(parse_target("http://h?q=1")->query.at("q"), "1");
  EXPECT_EQ(parse_target("*")->path, "*");
  EXPECT_EQ(parse_target("/a#b")->path, "/a");
}

TEST(Target, BrokenOnesAreNone) {
  for (const char* text : {"", "a", "host:443", "/%", "/%4", "/%zz", "/a%00b"})
    EXPECT_FALSE(parse_target(text)) << text;
}

TEST(ResponseHead, HoldsWhatTheReferenceSends) {
  const Headers cors{{"Access-Control-Allow-Origin", "*"}}, own{{"Content-Type", "text/plain"}};
  EXPECT_EQ(to_bytes({.status = 200,
                      .cors = &cors,
                      .own = &own,
                      .request_id = "r1",
                      .content_length = 3,
                      .keep_alive_s = 5}),
            "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: *\r\n"
            "Content-Type: text/plain\r\nContent-Length: 3\r\nKeep-Alive: timeout=5\r\n"
            "X-Request-Id: r1\r\n\r\n");
  EXPECT_THAT(to_bytes({.status = 404, .content_length = 0}), HasSubstr("\r\nConnection: close\r"));
}

TEST(ResponseHead, LineBreaksCannotAddHeaders) {
  const Headers own{{"X-Name", "a\r\nX-Evil: 1"}, {"X-Good", "1"}};
  const auto bytes = to_bytes({.own = &own});
  EXPECT_THAT(bytes, Not(HasSubstr("Evil")));
  EXPECT_THAT(bytes, HasSubstr("X-Good: 1"));
}

TEST(ErrorBody, HasTheShapeOfTheReference) {
  EXPECT_EQ(error_response(400, "invalid_request_error", "a \"b\" \xff").body,
            "{\"error\":{\"code\":400,\"message\":\"a \\\"b\\\" \xEF\xBF\xBD\","
            "\"type\":\"invalid_request_error\"}}");
  EXPECT_EQ(plain_refusal(401, "authentication_error", "Invalid API Key").body,
            R"({"error":{"message":"Invalid API Key","type":"authentication_error","code":401}})");
}

TEST(Range, OneRangeIsUnderstoodOthersMeanAll) {
  const auto range = [](const char* header) -> std::optional<std::pair<int, int>> {
    const auto found = requested_range(header, 10);
    if (!found) return std::nullopt;
    return std::pair(static_cast<int>(found->first), static_cast<int>(found->last));
  };
  EXPECT_THAT(range("bytes=0-4"), Optional(Eq(std::pair(0, 4))));
  EXPECT_THAT(range("bytes=5-"), Optional(Eq(std::pair(5, 9))));
  EXPECT_THAT(range("bytes=-3"), Optional(Eq(std::pair(7, 9))));
  EXPECT_THAT(range("bytes=-30"), Optional(Eq(std::pair(0, 9))));
  EXPECT_THAT(range("bytes=8-99"), Optional(Eq(std::pair(8, 9))));
  EXPECT_THAT(range("bytes=10-"), Optional(Eq(std::pair(1, 0))));  // outside
  EXPECT_THAT(range("bytes=-0"), Optional(Eq(std::pair(1, 0))));
  for (const char* header : {"", "lines=0-4", "bytes=", "bytes=-", "bytes=4-2", "bytes=0-1,3-4",
                             "bytes=a-b", "bytes=99999999999999999999999-"})
    EXPECT_FALSE(range(header)) << header;
}

TEST(RequestId, IsTakenWhenItIsSane) {
  EXPECT_EQ(request_id("abc-123"), "abc-123");
  for (const char* offered : {"", "a b", "a\"b", "a\x7f"})
    EXPECT_EQ(request_id(offered).size(), 16u);
  EXPECT_EQ(request_id(std::string(129, 'a')).size(), 16u);
  EXPECT_NE(request_id(""), request_id(""));
}

}  // namespace
}  // namespace llm::http
