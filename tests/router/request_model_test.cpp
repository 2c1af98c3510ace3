#include "router/request_model.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace llm::router {
namespace {

using testing::HasSubstr;

http::Request post(std::string body) {
  return {.method = "POST", .path = "/completion", .body = std::move(body)};
}

std::string refusal_of(const http::Request& request) {
  try {
    return "accepted " + wanted_model(request);
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    return error.what();
  }
}

TEST(WantedModel, IsTheOutermostFieldOfThePostedBody) {
  EXPECT_EQ(wanted_model(post(R"({"prompt":"x","model":"m"})")), "m");
  EXPECT_EQ(wanted_model(post(R"({"a":{"model":"no"},"b":[{"model":"no"}],"model":"m"})")), "m");
  EXPECT_EQ(wanted_model(post(R"({"model":"first","model":"last"})")), "last");
  EXPECT_EQ(wanted_model(post(R"({"model":"\u00e9\"/:"})")), "\xc3\xa9\"/:");
}

TEST(WantedModel, IsTheQueryOfOtherRequestsAndOfBodiesWithoutIt) {
  http::Request get{.method = "GET", .path = "/props", .query = {{"model", "m"}}};
  EXPECT_EQ(wanted_model(get), "m");
  auto with_list = post("[1,2]");
  with_list.query["model"] = "m";
  EXPECT_EQ(wanted_model(with_list), "m");
  auto both = post(R"({"model":"body"})");
  both.query["model"] = "query";
  EXPECT_EQ(wanted_model(both), "body");
}

TEST(WantedModel, MistakesAreNamed) {
  EXPECT_EQ(refusal_of(post(R"({"a":{"model":"m"}})")), "model name is missing from the request");
  EXPECT_EQ(refusal_of(post(R"({"model":""})")), "model name is missing from the request");
  EXPECT_EQ(refusal_of(post("")), "model name is missing from the request");
  EXPECT_EQ(refusal_of(post(R"({"model":5})")), "model must be a string");
  EXPECT_EQ(refusal_of(post(R"({"model":{"model":"m"}})")), "model must be a string");
  EXPECT_THAT(refusal_of(post("{")), HasSubstr("parse error"));
  EXPECT_THAT(refusal_of(post(R"({"model":"m"} x)")), HasSubstr("parse error"));
  EXPECT_THAT(refusal_of(post("{\"model\":\"\xff\"}")), HasSubstr("UTF-8"));
}

TEST(WantedModel, DeepBodiesAreRefusedWithoutRecursion) {
  const std::string deep(1 << 20, '[');
  EXPECT_THAT(refusal_of(post(deep)), HasSubstr("nested"));
}

TEST(WantedAutoload, IsABooleanWord) {
  http::Request request{.method = "GET", .path = "/props"};
  EXPECT_EQ(wanted_autoload(request), std::nullopt);
  request.query["autoload"] = "false";
  EXPECT_EQ(wanted_autoload(request), false);
  request.query["autoload"] = "maybe";
  EXPECT_THROW(wanted_autoload(request), RequestError);
}

TEST(Target, IsEscapedAndLosesAutoload) {
  const http::Request request{
      .method = "GET",
      .path = "/slots/a b%\r\n",
      .query = {{"autoload", "true"}, {"model", "u/r:Q&x=1"}, {"z", "1 2"}}};
  EXPECT_EQ(target_of(request), "/slots/a%20b%25%0D%0A?model=u%2Fr%3AQ%26x%3D1&z=1%202");
}

}  // namespace
}  // namespace llm::router
