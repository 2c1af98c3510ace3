#include "http/request_metrics.h"

#include <gtest/gtest.h>

namespace llm::http {
namespace {

TEST(RequestMetrics, WhatNoRouteTakesCannotMakeNewSeries) {
  RequestMetrics metrics;
  Request request;
  Notes notes;
  const Route route{.method = "POST", .path = "/slots/{id}", .handler = {}};
  request.method = "POST";
  request.path = "/slots/17";
  metrics.count({request, &route, 200, 0, 0.01, notes});
  for (const char* path : {"/one", "/two"}) {
    request.method = request.path = path;
    metrics.count({request, nullptr, 404, 0, 0.01, notes});
  }
  Exposition out;
  metrics.write(out);
  const std::string text = out.take();
  EXPECT_NE(text.find(R"(_total{method="POST",endpoint="/slots/{id}",status="200"} 1)"), text.npos);
  EXPECT_NE(text.find(R"(_total{method="other",endpoint="other",status="404"} 2)"), text.npos);
  EXPECT_EQ(text.find("/one"), text.npos);
}

TEST(RequestMetrics, ManyModelsAreToldApart) {
  RequestMetrics metrics;
  Request request;
  Notes notes;
  const Route route{.method = "POST", .path = "/x", .handler = {}};
  request.method = "POST";
  metrics.count({request, &route, 200, 0, 0.01, notes}, "one");
  metrics.count({request, &route, 200, 0, 0.01, notes}, "two");
  metrics.count({request, &route, 200, 0, 0.01, notes}, "two");
  metrics.count({request, &route, 400, 0, 0.01, notes});
  Exposition out;
  metrics.write(out);
  const std::string text = out.take();
  for (const char* line : {R"(_total{method="POST",endpoint="/x",status="200",model="one"} 1)",
                           R"(_total{method="POST",endpoint="/x",status="200",model="two"} 2)",
                           R"(_total{method="POST",endpoint="/x",status="400"} 1)",
                           R"(_seconds_count{method="POST",endpoint="/x",model="two"} 2)"})
    EXPECT_NE(text.find(line), text.npos) << line << " is not in\n" << text;
}

}  // namespace
}  // namespace llm::http
