// The whole room, with played models (fake_model.h) behind it.
#include <gmock/gmock.h>
#include <signal.h>

#include <future>

#include "base/error.h"
#include "router/router_fixture.h"

namespace llm::router {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A store in memory.
struct FakeStore {
  std::mutex mutex;
  std::vector<FoundModel> models;
  std::atomic<bool> goes_on{false};

  ModelStore interface() {
    return {.models =
                [this] {
                  const std::lock_guard lock(mutex);
                  return models;
                },
            .download =
                [this](const std::string& name, const auto& progress, const auto& stopped) {
                  progress({.file = "m.gguf", .done = 1, .total = 2});
                  while (!goes_on && !stopped()) std::this_thread::sleep_for(1ms);
                  if (stopped()) fail("it was stopped");
                  if (name == "user/none") fail("there is no such repository");
                  const std::lock_guard lock(mutex);
                  models.push_back({name, "good", ""});
                },
            .remove =
                [this](const std::string& name) {
                  const std::lock_guard lock(mutex);
                  return std::erase_if(models, [&](const auto& one) { return one.name == name; }) >
                         0;
                }};
  }
};

TEST_F(RouterTest, ARequestLoadsItsModelAndIsPassedOnWithoutTheClientsRights) {
  start({});
  EXPECT_EQ(state("a"), "unloaded");
  const auto answer = post("/echo?x=1+2&autoload=true", R"({"model":"first","n":1})",
                           {{"Authorization", "Bearer of-client"},
                            {"X-Api-Key", "of-client"},
                            {"Cookie", "of-client"},
                            {"X-Llama-Client", "of-client"},
                            {"Origin", "http://localhost"},
                            {"X-Conversation-Id", "c1"},
                            {"X-Request-Id", "r1"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json got = Json::parse(answer.body);
  EXPECT_EQ(got.at("body"), R"({"model":"first","n":1})");
  EXPECT_EQ(got.at("query"), Json({{"x", "1 2"}}));
  EXPECT_EQ(got.at("headers").at("X-Conversation-Id"), "c1");
  EXPECT_EQ(got.at("headers").at("X-Request-Id"), "r1");
  EXPECT_THAT(answer.body, Not(HasSubstr("of-client")));
  EXPECT_FALSE(got.at("headers").contains("Origin"));
  EXPECT_EQ(state("a"), "loaded");
  EXPECT_EQ(get("/echo?model=a").status, 200);
  EXPECT_EQ(get("/").body, "page");
  EXPECT_EQ(message_of(get("/echo")), "model name is missing from the request");
}

TEST_F(RouterTest, AnAnswerOfAnySizeComesWhole) {
  start({});
  EXPECT_EQ(post("/long", R"({"model":"a"})").body.size(), 1u << 20);
}

TEST_F(RouterTest, RequestsThatComeWhileAModelLoadsShareIt) {
  start({}, "[slow]\nmodel = slow\n");
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 16; ++i)
    answers.push_back(std::async(std::launch::async, [&] { return echo("slow").status; }));
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 200);
}

TEST_F(RouterTest, TheLeastRecentlyUsedIdleModelMakesRoom) {
  start({.max_models = 2});
  for (const char* model : {"a", "b", "a", "c"}) EXPECT_EQ(echo(model).status, 200);
  EXPECT_EQ(state("a"), "loaded");
  EXPECT_EQ(state("b"), "unloaded");
  EXPECT_EQ(state("c"), "loaded");
}

TEST_F(RouterTest, ARequestWaitsUntilABusyModelIsIdle) {
  start({.max_models = 1});
  auto busy = running_stream("a");
  auto waiting = std::async(std::launch::async, [&] { return echo("b").status; });
  EXPECT_EQ(waiting.wait_for(200ms), std::future_status::timeout);
  EXPECT_EQ(state("a"), "loaded");
  busy->leave();
  EXPECT_EQ(waiting.get(), 200);
  EXPECT_EQ(state("a"), "unloaded");
}

TEST_F(RouterTest, AModelThatIsNeverIdleHasToGoAfterItsTurn) {
  start({.max_models = 1});
  auto before = running_stream("a");
  auto waiting = std::async(std::launch::async, [&] { return echo("b").status; });
  // Someone comes before the last one goes, again and again.
  int users = 0;
  while (waiting.wait_for(100ms) == std::future_status::timeout) {
    ASSERT_LT(++users, 150);
    auto next = stream("/stream", "a");
    std::this_thread::sleep_for(100ms);
    before = std::move(next);
  }
  EXPECT_EQ(waiting.get(), 200);
  EXPECT_GT(users, 20) << "a has its turn, too";
}

TEST_F(RouterTest, AClientThatLeavesEndsItsWaitAndItsRequest) {
  start({.max_models = 1});
  auto hanging = stream("/hang", "a");
  EXPECT_TRUE(until([&] { return state("a") == "loaded"; }));
  auto waiting = stream("/echo", "b");
  EXPECT_TRUE(until([&] { return state("b") == "loading"; }));
  waiting->leave();
  EXPECT_TRUE(until([&] { return state("b") == "unloaded"; }));
  hanging->leave();
  EXPECT_EQ(echo("b").status, 200) << "a is idle now";
}

TEST_F(RouterTest, ModelsThatCannotBeLoadedFailAndAreTriedAgain) {
  start({}, "[broken]\nmodel = broken\n");
  for (int i = 0; i < 2; ++i) {
    const auto answer = echo("broken");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(message_of(answer), "model name=broken failed to load");
  }
  const Json status = this->status("broken");
  EXPECT_EQ(status.at("value"), "unloaded");
  EXPECT_EQ(status.at("failed"), true);
  EXPECT_EQ(status.at("exit_code"), 1);
  EXPECT_EQ(status.at("last_log"), Json::array({"playing broken"}));
  EXPECT_EQ(echo("a").status, 200);
}

TEST_F(RouterTest, AProcessThatDiesEndsItsRequestsOnly) {
  start({});
  auto other = running_stream("b");
  auto events = stream("/half", "a");
  EXPECT_TRUE(until([&] { return events->has_ended(); }));
  EXPECT_TRUE(events->is_complete());
  EXPECT_THAT(events->text(),
              testing::StartsWith("data: whole\n\ndata: {\"error\":{\"code\":502,"));
  EXPECT_THAT(events->text(), HasSubstr("exit code 3"));
  const auto answer = post("/die", R"({"model":"a"})");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(message_of(answer),
            "model 'a' broke off while it answered: its process ended with exit code 3");
  EXPECT_EQ(status("a").at("failed"), true);
  EXPECT_EQ(echo("a").status, 200);
  EXPECT_FALSE(status("a").contains("failed"));
  const auto seen = other->text().size();
  EXPECT_TRUE(until([&] { return other->text().size() > seen; }));
}

TEST_F(RouterTest, AStreamThatBreaksOffSaysSoInTheWordsOfItsApi) {
  start({});
  for (const auto& [path, error] :
       {std::pair("/v1/messages",
                  "event: error\ndata: {\"type\":\"error\",\"error\":{\"code\":502,"),
        std::pair("/v1/responses",
                  "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",")}) {
    auto events = stream(path, "a");
    EXPECT_TRUE(until([&] { return events->has_ended(); }));
    EXPECT_TRUE(events->is_complete());
    EXPECT_THAT(events->text(), HasSubstr(error));
    EXPECT_THAT(events->text(), Not(HasSubstr("data: ha")));
  }
}

TEST_F(RouterTest, UnloadingStopsAProcessThatDoesNotWantTo) {
  start({}, "[stubborn]\nmodel = stubborn\nstop-timeout = 1\n");
  auto events = running_stream("stubborn");
  EXPECT_EQ(post("/models/unload", R"({"model":"stubborn"})").body, R"({"success":true})");
  EXPECT_TRUE(until([&] { return state("stubborn") == "unloaded"; }));
  EXPECT_FALSE(status("stubborn").contains("failed"));
  EXPECT_TRUE(until([&] { return events->has_ended(); }));
  EXPECT_THAT(events->text(), HasSubstr("it was unloaded"));
}

TEST_F(RouterTest, LoadingAndUnloadingByName) {
  start({.max_models = 1, .autoload = false});
  EXPECT_EQ(message_of(echo("a")), "model is not loaded");
  EXPECT_EQ(post("/models/load", R"({"model":"a"})").status, 200);
  EXPECT_EQ(message_of(post("/models/load", R"({"model":"a"})")), "model is already running");
  EXPECT_EQ(echo("a").status, 200) << "it is on its way";
  auto busy = running_stream("a");
  const auto refused = post("/models/load", R"({"model":"b"})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(message_of(refused), "model limit reached, try again later");
  busy->leave();
  EXPECT_EQ(post("/models/unload", R"({"model":"a"})").status, 200);
  EXPECT_EQ(message_of(post("/models/unload", R"({"model":"a"})")), "model is not running");
  EXPECT_EQ(message_of(post("/models/unload", R"({"model":"x"})")), "model is not found");
  EXPECT_EQ(post("/models/load", R"({"model":"x"})").status, 404);
  EXPECT_EQ(post("/echo?autoload=true", R"({"model":"a"})").status, 200);
}

TEST_F(RouterTest, MemoryIsKeptFreeAndWhatCannotFitIsRefusedWithBothNumbers) {
  const auto estimate = [](const Options& options) {
    return std::uint64_t{options.model.aliases == std::vector<std::string>{"giant"} ? 5000u : 600u}
           << 20;
  };
  start({.max_models = 0, .memory_mib = 1000}, "[huge]\nmodel = good\nalias = giant\n", estimate);
  const auto answer = echo("huge");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(message_of(answer), HasSubstr("needs about 5000.0 MiB"));
  EXPECT_THAT(message_of(answer), HasSubstr("1000.0 MiB"));
  EXPECT_EQ(post("/models/load", R"({"model":"huge"})").status, 503);
  EXPECT_EQ(echo("a").status, 200);
  EXPECT_EQ(echo("b").status, 200);
  EXPECT_EQ(state("a"), "unloaded") << "two of them do not fit";
}

TEST_F(RouterTest, PreloadedAndPinnedModelsStay) {
  start({.max_models = 1}, "[a]\nload-on-startup = true\npinned = true\n");
  EXPECT_TRUE(until([&] { return state("a") == "loaded"; }));
  const auto answer = echo("b");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(message_of(answer), "model limit reached, try again later");
}

TEST_F(RouterTest, EventsTellOfEveryChange) {
  start({});
  std::thread client;
  boost::asio::io_context io;
  http::ClientCall call(kSilence);
  std::mutex mutex;
  std::string text;
  std::atomic<bool> is_open{false};
  client = std::thread([&] {
    const auto read = [&]() -> http::Task<void> {
      const http::ClientRequest request{.target = "/models/sse"};
      co_await call.send(door_, request);
      is_open = true;
      for (;;) {
        const auto piece = co_await call.read();
        if (piece.empty()) co_return;
        const std::lock_guard lock(mutex);
        text += piece;
      }
    };
    boost::asio::co_spawn(io, read, [](std::exception_ptr) {});
    io.run();
  });
  EXPECT_TRUE(until([&] { return is_open.load(); }));
  echo("a");
  post("/models/unload", R"({"model":"a"})");
  get("/models?reload=1");
  stop();
  client.join();
  std::vector<std::string> expected = {
      R"({"model":"a","event":"model_status","data":{"status":"loading"}})",
      R"("value":0.0}}})",
      R"("value":0.5}}})",
      R"("value":1.0}}})",
      R"({"model":"a","event":"status_change","data":{"status":"loaded","info":{"id":"a","meta":{"n_ctx":7}}}})",
      R"({"model":"a","event":"status_change","data":{"status":"unloaded","exit_code":0}})",
      R"({"model":"*","event":"models_reload"})"};
  std::size_t at = 0;
  for (const auto& event : expected) {
    at = text.find(event, at);
    ASSERT_NE(at, text.npos) << event << " is missing or out of order in\n" << text;
  }
}

TEST_F(RouterTest, ReloadingFindsNewModelsAndForgetsOldOnes) {
  start({});
  EXPECT_EQ(echo("a").status, 200);
  folder_.write("presets.ini", "[b]\nmodel = good\n[new]\nmodel = good\n");
  EXPECT_EQ(get("/models?reload=1").status, 200);
  EXPECT_EQ(message_of(echo("a")), "model 'a' not found");
  EXPECT_EQ(echo("new").status, 200);
  std::this_thread::sleep_for(1s);  // it looks once a second
  folder_.write("presets.ini", "[b]\nmodle = good\n");
  EXPECT_THAT(message_of(get("/models?reload=1")), HasSubstr("presets.ini:2"));
  EXPECT_EQ(echo("new").status, 200) << "the old list stays";
}

TEST_F(RouterTest, ModelsAreDownloadedServedAndRemoved) {
  FakeStore fake;
  store_ = fake.interface();
  start({});
  EXPECT_EQ(post("/models", R"({"model":"user/repo:Q4_0"})").body, R"({"success":true})");
  EXPECT_EQ(state("user/repo:Q4_0"), "downloading");
  EXPECT_THAT(message_of(post("/models", R"({"model":"user/repo:Q4_0"})")),
              HasSubstr("is being downloaded already"));
  fake.goes_on = true;
  EXPECT_TRUE(until([&] { return state("user/repo:Q4_0") == "unloaded"; }));
  EXPECT_EQ(echo("user/repo:Q4_0").status, 200);
  EXPECT_EQ(http::fetch(door_, {.method = "DELETE", .target = "/models?model=a"}, kSilence).status,
            500);
  const auto removed = http::fetch(
      door_, {.method = "DELETE", .target = "/models?model=user%2Frepo:Q4_0"}, kSilence);
  EXPECT_EQ(removed.body, R"({"success":true})");
  EXPECT_EQ(message_of(echo("user/repo:Q4_0")), "model 'user/repo:Q4_0' not found");
  stop();
}

TEST_F(RouterTest, ADownloadThatFailsIsAnEventAndStoppingEndsOneThatRuns) {
  FakeStore fake;
  store_ = fake.interface();
  start({});
  EXPECT_EQ(post("/models", R"({"model":"user/none"})").status, 200);
  EXPECT_EQ(message_of(post("/models", R"({"model":""})")), "model must be a non-empty string");
  stop();
}

TEST_F(RouterTest, StoppingWaitsForNobodyWhoOnlyListensOrWaits) {
  start({.max_models = 1});
  auto busy = running_stream("a");
  auto waiting = std::async(std::launch::async, [&] { return echo("b"); });
  EXPECT_TRUE(until([&] { return state("b") == "loading"; }));
  router_->close();
  EXPECT_EQ(message_of(waiting.get()), "the server is stopping");
  busy->leave();
  stop();
}

TEST(RouterStart, PreloadsBeyondTheLimitAreAnError) {
  const TemporaryFolder folder;
  RouterSettings settings;
  settings.options.router.max_models = 1;
  settings.options.router.preset =
      folder.write("p.ini", "[*]\nload-on-startup = 1\n[a]\nmodel = a.gguf\n[b]\nmodel = b.gguf\n");
  EXPECT_THROW(Router{std::move(settings)}, Error);
}

}  // namespace
}  // namespace llm::router
