// Requests in the form of Vertex AI.
#include "server/vertex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes.h"

namespace llm::server {
namespace {

using test::ChatWorld;
using test::FakeExchange;

std::string path_of(const char* format) {
  const RouteRow* row = row_of_format(format);
  return row == nullptr ? "" : row->path;
}

TEST(Vertex, AFormatIsAPathOrItsName) {
  EXPECT_EQ(path_of("/v1/completions"), "/v1/completions");
  EXPECT_EQ(path_of("/completions"), "/completions");
  EXPECT_EQ(path_of("completions"), "/v1/completions");
  EXPECT_EQ(path_of("completion"), "/completion");
  EXPECT_EQ(path_of("chatCompletions"), "/v1/chat/completions");
  EXPECT_EQ(path_of("tokenize"), "/tokenize");
  EXPECT_EQ(path_of("applyTemplate"), "/apply-template");
  EXPECT_EQ(path_of("messagesCountTokens"), "/v1/messages/count_tokens");
  EXPECT_EQ(path_of("health"), "");  // GET
  EXPECT_EQ(path_of("slots"), "");
  EXPECT_EQ(path_of("/slots/{id}"), "");
  EXPECT_EQ(path_of(""), "");
}

TEST(Vertex, InstancesRunTogetherAndAnswerInTheirOrder) {
  ChatWorld world;
  FakeExchange exchange(R"({"instances":[
      {"@requestFormat":"/completion","prompt":"ab","stream":true},
      {"@requestFormat":"tokenize","content":"ab"},
      {"@requestFormat":"completions","prompt":"ab"}, 3, {}, {"@requestFormat":"dance"},
      {"@requestFormat":"chatCompletions"}]})");
  world.start(predict, exchange);
  ASSERT_EQ(world.engine.submitted.size(), 2u);
  world.engine.submitted[1]->answer("two");
  world.engine.submitted[0]->answer("one");
  world.turn();
  ASSERT_TRUE(world.is_done);
  EXPECT_EQ(world.response.status, 200);
  const Json list = Json::parse(world.response.body).at("predictions");
  ASSERT_EQ(list.size(), 7u);
  EXPECT_EQ(list[0]["content"], "one");
  EXPECT_EQ(list[1]["tokens"].size(), 3u);
  EXPECT_EQ(list[2]["choices"][0]["text"], "two");
  const auto message = [&](int i) { return list[i]["error"]["message"].get<std::string>(); };
  EXPECT_EQ(message(3), "each instance must be a JSON object");
  EXPECT_EQ(message(4), "each instance must include a string @requestFormat");
  EXPECT_EQ(message(5), "no handler registered for @requestFormat: dance");
  EXPECT_EQ(list[6]["error"]["code"], 400);
}

TEST(Vertex, AClientThatLeavesEndsAllOfThem) {
  ChatWorld world;
  FakeExchange exchange(R"({"instances":[{"@requestFormat":"completion","prompt":"a"},
                                         {"@requestFormat":"completion","prompt":"b"}]})");
  world.start(predict, exchange);
  ASSERT_EQ(world.engine.submitted.size(), 2u);
  exchange.leave();
  world.turn();
  EXPECT_TRUE(world.engine.submitted[0]->is_cancelled);
  EXPECT_TRUE(world.engine.submitted[1]->is_cancelled);
  EXPECT_TRUE(world.is_done);
}

TEST(Vertex, BadBodiesAreRefused) {
  ChatWorld world;
  const auto refusal = [&](const std::string& body) -> std::string {
    FakeExchange exchange(body);
    world.start(predict, exchange);
    try {
      if (world.error) std::rethrow_exception(world.error);
    } catch (const RequestError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(refusal("[1]"), "request body must be a JSON object");
  EXPECT_EQ(refusal("{}"), "request body must include an array field named instances");
  EXPECT_EQ(refusal(R"({"instances":{}})"),
            "request body must include an array field named instances");
  EXPECT_THAT(refusal("{"), testing::HasSubstr("parse error"));
  std::string many;
  for (int i = 0; i < 128; ++i) many += "1,";
  EXPECT_EQ(refusal(R"({"instances":[)" + many + "1]}"),
            "instances array exceeds maximum size of 128");
  EXPECT_EQ(refusal(R"({"instances":[)" + many.substr(0, many.size() - 1) + "]}"), "none");
}

std::vector<std::string> paths(const VertexOptions& vertex) {
  Options options;
  options.vertex = vertex;
  std::vector<std::string> out;
  for (const http::Route& route : Service(options).routes())
    out.push_back(route.method + route.path);
  return out;
}

TEST(Vertex, ItsRoutesAreThereWhenAskedFor) {
  using testing::Contains;
  using testing::Not;
  EXPECT_THAT(paths({}), Not(Contains("POST/predict")));
  const auto own = paths({.is_on = true, .health_route = "/live"});
  EXPECT_THAT(own, Contains("POST/predict"));
  EXPECT_THAT(own, Contains("GET/live"));
  EXPECT_THAT(paths({.is_on = true, .predict_route = "/p", .health_route = "/health"}),
              Contains("POST/p"));  // which is one already
  EXPECT_THROW(paths({.is_on = true, .predict_route = "/completion"}), Error);
  EXPECT_THROW(paths({.is_on = true, .health_route = "/props"}), Error);
}

}  // namespace
}  // namespace llm::server
