// The router's own /metrics.
#include <gmock/gmock.h>

#include "router/router_fixture.h"

namespace llm::router {
namespace {

using testing::HasSubstr;
using testing::Not;

class MetricsTest : public RouterTest {
 protected:
  void start_with(RouterOptions router, const std::string& presets = "") {
    options_.features.metrics = true;
    start(std::move(router), presets, [](const Options&) { return std::uint64_t{5} << 30; });
  }
  std::string metrics() {
    const auto answer = get("/metrics");
    EXPECT_EQ(answer.status, 200);
    return answer.body;
  }
};

TEST_F(MetricsTest, LoadsEvictionsAndMemoryAreToldPerModel) {
  start_with({.max_models = 2, .memory_mib = 20000});
  for (const char* model : {"first", "b", "c"}) ASSERT_EQ(echo(model).status, 200);
  const auto text = metrics();
  for (const char* line : {
           "llamacpp:router_loads_total{model=\"a\"} 1\n",
           "llamacpp:router_loads_total{model=\"c\"} 1\n",
           "llamacpp:router_evictions_total{model=\"a\"} 1\n",
           "llamacpp:router_evictions_total{model=\"b\"} 0\n",
           "llamacpp:router_models{state=\"loaded\"} 2\n",
           "llamacpp:router_models{state=\"unloaded\"} 1\n",
           "llamacpp:router_models_limit 2\n",
           "llamacpp:router_memory_limit_bytes 20971520000\n",
           "llamacpp:router_memory_bytes{model=\"a\"} 0\n",
           "llamacpp:router_memory_bytes{model=\"b\"} 5368709120\n",
           "llamacpp:router_load_seconds_count 3\n",
           "llamacpp:router_loads_waiting 0\n",
       })
    EXPECT_THAT(text, HasSubstr(line));
}

TEST_F(MetricsTest, RequestsAreCountedByTheModelsOwnName) {
  start_with({});
  EXPECT_EQ(echo("first").status, 200);
  EXPECT_EQ(echo("a").status, 200);
  EXPECT_EQ(echo("nobody's").status, 400);
  get("/models");
  const auto text = metrics();
  const std::string total = "llamacpp:http_requests_total{method=\"POST\",endpoint=\"/echo\",";
  EXPECT_THAT(text, HasSubstr(total + "status=\"200\",model=\"a\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(total + "status=\"400\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("endpoint=\"/models\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("nobody")));
  EXPECT_THAT(text,
              HasSubstr("llamacpp:router_proxied_bytes_total{model=\"a\",direction=\"request\"} " +
                        std::to_string(std::string(R"({"model":"first"}{"model":"a"})").size())));
}

TEST_F(MetricsTest, CrashesRestartsAndFailedLoadsAreToldApart) {
  start_with({}, "[broken]\nmodel = broken\n");
  EXPECT_EQ(post("/die", R"({"model":"a"})").status, 502);
  EXPECT_TRUE(until([&] { return state("a") == "unloaded"; }));
  EXPECT_EQ(echo("a").status, 200);
  EXPECT_EQ(echo("broken").status, 500);
  EXPECT_EQ(post("/models/unload", R"({"model":"a"})").status, 200);
  const auto text = metrics();
  for (const char* line : {
           "llamacpp:router_crashes_total{model=\"a\"} 1\n",
           "llamacpp:router_restarts_total{model=\"a\"} 1\n",
           "llamacpp:router_loads_total{model=\"a\"} 2\n",
           "llamacpp:router_load_failures_total{model=\"a\"} 0\n",
           "llamacpp:router_load_failures_total{model=\"broken\"} 1\n",
           "llamacpp:router_crashes_total{model=\"broken\"} 0\n",
       })
    EXPECT_THAT(text, HasSubstr(line));
}

TEST_F(MetricsTest, WhoRunsAndWhoWaitsIsShown) {
  start_with({.max_models = 1});
  auto busy = running_stream("a");
  auto waiting = stream("/echo", "b");
  EXPECT_TRUE(until([&] { return state("b") == "loading"; }));
  const auto text = metrics();
  for (const char* line : {
           "llamacpp:router_requests_running{model=\"a\"} 1\n",
           "llamacpp:router_requests_waiting{model=\"b\"} 1\n",
           "llamacpp:router_loads_waiting 1\n",
       })
    EXPECT_THAT(text, HasSubstr(line));
}

TEST_F(MetricsTest, AModelsOwnAreStillThere) {
  start_with({});
  const auto answer = get("/metrics?model=a");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Json::parse(answer.body).at("path"), "/metrics");
}

TEST_F(MetricsTest, WithoutTheOptionThereAreNone) {
  start({});
  const auto answer = get("/metrics");
  EXPECT_EQ(answer.status, 501);
  EXPECT_THAT(message_of(answer), HasSubstr("--metrics"));
}

}  // namespace
}  // namespace llm::router
