// The model leaves memory and comes back; nobody who asks meanwhile is lost.
#include "server/residence.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fakes.h"
#include "server/endpoints.h"

namespace llm::server {
namespace {

using namespace std::chrono_literals;
using test::FakeExchange;

struct Sleeper {
  explicit Sleeper(std::chrono::seconds idle = 1s) {
    residence.begin(make(), {.load = [this] { return load(); },
                             .idle = idle,
                             .before_sleep = [this](const Serving&) { ++looks; }});
  }
  ~Sleeper() { residence.stop(); }

  std::shared_ptr<Serving> make() {
    return std::make_shared<Serving>(
        options, make_card(options.model, "tiny.gguf", "tiny.gguf", ModelInfo{.context_train = 64}),
        gguf::Metadata{}, *tokenizer, engine, nullptr,
        std::shared_ptr<void>(nullptr, [this](void*) { ++unloaded; }));
  }
  std::shared_ptr<Serving> load() {
    while (is_load_held) std::this_thread::sleep_for(1ms);
    if (fails) throw Error("the file is gone");
    ++loads;
    return make();
  }
  bool sleeps_within(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!(residence.is_away() && unloaded > 0) && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(5ms);
    }
    return residence.is_away();
  }
  /// enter() run to its end; the error's text, "" when it got the model.
  std::string enter() {
    FakeExchange exchange("{}");
    boost::asio::io_context context;
    std::string problem;
    boost::asio::co_spawn(
        context,
        [&]() -> http::Task<void> {
          const auto lease = co_await residence.enter(exchange);
          EXPECT_EQ(residence.serving().card.path, "tiny.gguf");
        },
        [&](std::exception_ptr error) {
          try {
            if (error) std::rethrow_exception(error);
          } catch (const RequestError& failure) {
            problem = failure.what();
          }
        });
    context.run();
    return problem;
  }

  Options options;
  std::unique_ptr<Tokenizer> tokenizer = test::tiny_tokenizer();
  test::FakeEngine engine;
  std::atomic<int> loads{0}, unloaded{0}, looks{0};
  std::atomic<bool> is_load_held{false}, fails{false};
  Residence residence;
};

TEST(Residence, SleepsWhenNobodyCallsAndWakesForTheNext) {
  Sleeper sleeper;
  EXPECT_FALSE(sleeper.residence.is_away());
  ASSERT_TRUE(sleeper.sleeps_within(5s));
  EXPECT_EQ(sleeper.unloaded, 1);
  EXPECT_EQ(sleeper.looks, 1);
  EXPECT_FALSE(sleeper.residence.look());
  EXPECT_EQ(sleeper.loads, 0);  // a look does not wake it
  EXPECT_EQ(sleeper.enter(), "");
  EXPECT_EQ(sleeper.loads, 1);
}

TEST(Residence, ALeaseKeepsTheModelAndLooksDoNotKeepItAwake) {
  Sleeper sleeper;
  {
    const auto lease = sleeper.residence.look();
    EXPECT_FALSE(sleeper.sleeps_within(1500ms));
  }
  // The look was no work: it is idle for longer than a second already.
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(sleeper.sleeps_within(5s));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
}

TEST(Residence, ManyWhoComeWhileItSleepsShareOneLoading) {
  Sleeper sleeper;
  ASSERT_TRUE(sleeper.sleeps_within(5s));
  sleeper.is_load_held = true;
  std::vector<std::thread> clients;
  std::atomic<int> served{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] { served += sleeper.enter().empty(); });
  }
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(served, 0);
  sleeper.is_load_held = false;
  for (auto& client : clients) client.join();
  EXPECT_EQ(served, 8);
  EXPECT_EQ(sleeper.loads, 1);
}

TEST(Residence, WhenLoadingFailsTheRequestIsToldAndTheNextTriesAgain) {
  Sleeper sleeper;
  ASSERT_TRUE(sleeper.sleeps_within(5s));
  sleeper.fails = true;
  EXPECT_EQ(sleeper.enter(), "the model could not be loaded again, see the server's log");
  sleeper.fails = false;
  EXPECT_EQ(sleeper.enter(), "");
}

TEST(Residence, StoppingWhileItLoadsRefusesThoseWhoWait) {
  Sleeper sleeper;
  ASSERT_TRUE(sleeper.sleeps_within(5s));
  sleeper.is_load_held = true;
  std::string problem;
  std::thread client([&] { problem = sleeper.enter(); });
  std::this_thread::sleep_for(50ms);
  std::thread stopper([&] { sleeper.residence.stop(); });
  client.join();
  EXPECT_EQ(problem, "the server is shutting down");
  sleeper.is_load_held = false;
  stopper.join();
}

TEST(Residence, AReplacedModelStaysForThoseWhoHaveIt) {
  Sleeper sleeper(0s);
  auto lease = std::optional(sleeper.residence.look());
  const Serving* old = &sleeper.residence.serving();
  sleeper.residence.replace(sleeper.make());
  EXPECT_NE(&sleeper.residence.serving(), old);
  EXPECT_EQ(sleeper.unloaded, 0);
  {
    const auto later = sleeper.residence.look();  // has never seen the old one
    lease.reset();
    EXPECT_EQ(sleeper.unloaded, 1);
  }
}

// ---- POST /props

struct Changing : test::World {
  Json change(const char* body) { return service->change(Json::parse(body)); }
  float temperature() { return service->serving().defaults.sampling.temperature; }
};

TEST(Props, ChangesAreSaidAndKept) {
  Changing world;
  const Json changed =
      world.change(R"({"default_generation_settings":{"params":{"temperature":0.25,"top_k":40}}})");
  EXPECT_EQ(changed.size(), 1u) << changed;  // top_k was 40 before
  EXPECT_EQ(changed["temperature"]["to"], 0.25);
  EXPECT_EQ(world.temperature(), 0.25f);
  world.change(R"({"n_predict":7})");
  EXPECT_EQ(world.service->serving().defaults.max_tokens, 7);
  EXPECT_EQ(world.temperature(), 0.25f);
}

TEST(Props, AWrongValueChangesNothing) {
  Changing world;
  EXPECT_THROW(world.change(R"({"temperature":0.25,"top_k":"many"})"), RequestError);
  EXPECT_EQ(world.temperature(), 0.8f);
  EXPECT_THROW(world.change(R"({"chat_template":"{% if %}"})"), RequestError);
  EXPECT_THROW(world.change(R"({"default_generation_settings":[]})"), RequestError);
}

TEST(Props, WhatIsUnknownIsPassedOver) {
  Changing world;
  EXPECT_TRUE(world.change(R"({"x":1})").empty());
}

TEST(Props, TheChatTemplateCanBeReplaced) {
  Changing world;
  const Json changed = world.change(R"({"chat_template":"{{ messages[0].content }}"})");
  EXPECT_EQ(changed["chat_template"]["to"], "{{ messages[0].content }}");
  ASSERT_TRUE(world.service->serving().chat_template);
  EXPECT_EQ(world.service->serving().chat_template->source(), "{{ messages[0].content }}");
}

}  // namespace
}  // namespace llm::server
