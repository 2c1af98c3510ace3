#include <gmock/gmock.h>

#include <set>

#include "base/json.h"
#include "router/router.h"
#include "server/endpoints.h"
#include "server/fakes.h"
#include "server/openapi/document.h"
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

/// What a server of many models serves.
std::vector<http::Route> routes_of_router(test::World& world) {
  static router::Router many(router::RouterSettings{});
  return many.routes(world.service->routes());
}

TEST(OpenApi, OfManyModelsDescribesEveryRouteButThePagesFiles) {
  test::World world;
  const auto routes = routes_of_router(world);
  const Json paths = Json::parse(describe_router(routes, "/llm"))["paths"];
  std::size_t described = 0;
  std::set<std::string> others;
  for (const http::Route& route : routes) {
    const std::string method = route.method == "GET"    ? "get"
                               : route.method == "POST" ? "post"
                                                        : "delete";
    if (paths.contains(route.path) && paths[route.path].contains(method))
      ++described;
    else
      others.insert(route.path);
  }
  std::size_t operations = 0;
  for (const auto& [path, methods] : paths.items()) operations += methods.size();
  EXPECT_EQ(described, operations) << "what is described is served";
  EXPECT_EQ(others, (std::set<std::string>{"/", "/chat.css", "/chat.js", "/docs", "/docs.css",
                                           "/docs.js", "/index.html", "/markdown.js"}));
  for (const char* path : {"/models/load", "/models/unload"})
    EXPECT_TRUE(paths[path].contains("post")) << path;
  EXPECT_TRUE(
      paths["/models/sse"]["get"]["responses"]["200"]["content"].contains("text/event-stream"));
}

TEST(OpenApi, OfManyModelsSaysHowAModelIsChosen) {
  test::World world;
  const Json document = Json::parse(describe_router(routes_of_router(world), ""));
  const auto parameters = [&](const char* path, const char* method) {
    std::set<std::string> names;
    const Json& operation = document["paths"][path][method];
    if (operation.contains("parameters"))
      for (const Json& one : operation["parameters"]) names.insert(one["name"]);
    return names;
  };
  EXPECT_EQ(parameters("/slots", "get"),
            (std::set<std::string>{"autoload", "fail_on_no_slot", "model"}));
  EXPECT_EQ(parameters("/models", "get"), std::set<std::string>{"reload"});
  EXPECT_EQ(parameters("/models", "delete"), std::set<std::string>{"model"});
  EXPECT_EQ(parameters("/metrics", "get"), std::set<std::string>{"model"});
  EXPECT_EQ(parameters("/livez", "get"), std::set<std::string>{});
  const Json& schemas = document["components"]["schemas"];
  EXPECT_EQ(schemas["post_tokenize_request"]["properties"]["model"]["type"], "string");
  EXPECT_EQ(schemas["post_models_load_request"]["required"], Json::array({"model"}));
  EXPECT_TRUE(document["paths"]["/tokenize"]["post"]["responses"].contains("502"));
  EXPECT_FALSE(document["paths"]["/models/load"]["post"]["responses"].contains("502"));
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
