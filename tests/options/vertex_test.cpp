// The variables of Vertex AI.
#include <gtest/gtest.h>

#include "parse_line.h"

namespace llm::options {
namespace {

TEST(Vertex, IsOffWithoutItsMode) {
  for (const char* mode : {"", "TRAINING", "prediction"}) {
    const Options options = options_of(
        {}, {{"AIP_MODE", mode}, {"AIP_HTTP_PORT", "no number"}, {"AIP_PREDICT_ROUTE", "{x}"}});
    EXPECT_FALSE(options.vertex.is_on) << mode;
    EXPECT_EQ(options.http.port, 8080);
  }
}

TEST(Vertex, RoutesBeginWithASlash) {
  Variables variables = {{"AIP_MODE", "PREDICTION"}};
  EXPECT_TRUE(options_of({}, variables).vertex.is_on);
  EXPECT_EQ(options_of({}, variables).vertex.predict_route, "/predict");
  EXPECT_EQ(options_of({}, variables).vertex.health_route, "");
  variables["AIP_PREDICT_ROUTE"] = "v1/endpoints/7:predict";
  variables["AIP_HEALTH_ROUTE"] = "/live";
  EXPECT_EQ(options_of({}, variables).vertex.predict_route, "/v1/endpoints/7:predict");
  EXPECT_EQ(options_of({}, variables).vertex.health_route, "/live");
}

TEST(Vertex, ItsPortBeatsAllOthers) {
  const Variables variables = {{"AIP_MODE", "PREDICTION"}, {"AIP_HTTP_PORT", "7080"}};
  EXPECT_EQ(options_of({}, variables).http.port, 7080);
  const ParseResult both = parse_line({"--port", "9000"}, variables);
  EXPECT_EQ(both.options.http.port, 7080);
  EXPECT_EQ(both.notices, std::vector<std::string>{"AIP_HTTP_PORT overrides --port: port 7080"});
}

TEST(Vertex, WhatIsWrongIsNamed) {
  const auto error = [](const char* name, const char* value) {
    return error_of({}, {{"AIP_MODE", "PREDICTION"}, {name, value}});
  };
  EXPECT_TRUE(error("AIP_HTTP_PORT", "http").starts_with("AIP_HTTP_PORT:"));
  EXPECT_TRUE(error("AIP_HTTP_PORT", "0").starts_with("AIP_HTTP_PORT:"));
  EXPECT_TRUE(error("AIP_HTTP_PORT", "65536").starts_with("AIP_HTTP_PORT:"));
  EXPECT_EQ(error("AIP_PREDICT_ROUTE", "/a{b}"),
            "AIP_PREDICT_ROUTE: expected a path of letters, digits and / - . _ ~ : @, got '/a{b}'");
  EXPECT_TRUE(error("AIP_HEALTH_ROUTE", "/a b").starts_with("AIP_HEALTH_ROUTE:"));
}

}  // namespace
}  // namespace llm::options
