#include <gmock/gmock.h>

#include "base/json.h"
#include "server/endpoints.h"
#include "server/fakes.h"
#include "server/openapi/operations.h"

namespace llm::server {
namespace {

TEST(OpenApi, EveryRouteHasItsOperation) {
  for (const RouteRow& row : route_rows())
    EXPECT_NE(operation_of(row.handler), nullptr)
        << row.method << " " << row.path << " needs a row in openapi/operations.cpp";
}

TEST(OpenApi, IsMadeOfTheTables) {
  test::World world;
  const auto reply = openapi(*world.service, {});
  const Json document = Json::parse(reply.body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::size_t operations = 0;
  for (const auto& [path, methods] : document["paths"].items()) operations += methods.size();
  EXPECT_EQ(operations, route_rows().size());
  const Json& properties =
      document["components"]["schemas"]["post_completion_request"]["properties"];
  EXPECT_EQ(properties["n_predict"]["minimum"], -1);
  EXPECT_EQ(properties["max_tokens"], properties["n_predict"]);
  EXPECT_EQ(properties["top_p"]["default"].dump(), "0.95");
  EXPECT_EQ(properties["cache_prompt"]["type"], "boolean");
  EXPECT_TRUE(properties.contains("guided_regex"));
  EXPECT_TRUE(properties.contains("stop"));
}

TEST(BodyFields, WrongTypesAreNamedAndNullIsAbsent) {
  const auto error = [](const Json& body, BodyFields fields) -> std::string {
    try {
      check_types(body, fields);
    } catch (const RequestError& refused) {
      return refused.param + ": " + refused.what();
    }
    return "";
  };
  EXPECT_EQ(error({{"content", 5}}, tokenize_fields()),
            "content: Field 'content': [json.exception.type_error.302] type must be string or "
            "array, but is number");
  EXPECT_EQ(error({{"messages", "x"}}, chat_fields()),
            "messages: Expected 'messages' to be an array");
  EXPECT_EQ(error({{"content", nullptr}, {"unknown", 5}, {"add_special", true}}, tokenize_fields()),
            "");
  EXPECT_EQ(error({{"max_output_tokens", 5.0}}, response_fields()), "");
}

}  // namespace
}  // namespace llm::server
