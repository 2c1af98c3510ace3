// Tokens that models use, counted against the keys of the door.
#include <gmock/gmock.h>

#include "http/exchange.h"
#include "router/child_report.h"
#include "router/router_fixture.h"

namespace llm::router {
namespace {

using testing::HasSubstr;
using testing::Not;

class LimitsTest : public RouterTest {
 protected:
  /// "limited" may use that many tokens a minute, "free" any number.
  void start_with(double tokens_per_minute) {
    keys_.keys = {"limited", "free"};
    keys_.limits = {{.key = "limited", .tokens_per_minute = tokens_per_minute}};
    start({});
  }
  static http::Headers of(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }
  http::Response spend(const std::string& model, int tokens, const std::string& key = "limited") {
    return post("/spend", Json{{"model", model}, {"tokens", tokens}}.dump(), of(key));
  }
  std::unique_ptr<Stream> stream_of(const std::string& path) {
    return std::make_unique<Stream>(door_, path, R"({"model":"a"})", of("limited"));
  }
  int status_of_next() { return post("/echo", R"({"model":"b"})", of("limited")).status; }
};

TEST_F(LimitsTest, WhatAllModelsUseTogetherCountsAgainstTheKey) {
  start_with(300);
  EXPECT_EQ(spend("a", 149).status, 200);
  EXPECT_EQ(spend("b", 100).status, 200);
  EXPECT_EQ(spend("first", 79).status, 200) << "it may overdraw";
  const auto refused = spend("c", 0);
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(message_of(refused), HasSubstr("at most 300 tokens per minute"));
  int seconds = 0;
  for (const auto& [name, value] : refused.headers)
    if (name == "Retry-After") seconds = std::stoi(value);
  EXPECT_GE(seconds, 5) << "31 more than there were, and one to begin with";
  EXPECT_LE(seconds, 7);
  EXPECT_EQ(spend("c", 1000, "free").status, 200);
  EXPECT_EQ(spend("c", 1000, "free").status, 200);
}

TEST_F(LimitsTest, EveryAnswerIsCountedBeforeTheClientHasIt) {
  start_with(1);
  for (int i = 0; i < 50; ++i) {
    server_->set_keys({.keys = {"free"}, .limits = {}});
    server_->set_keys(keys_);  // a new key has used nothing
    ASSERT_EQ(spend("a", 5).status, 200);
    ASSERT_EQ(spend("a", 5).status, 429) << i;
  }
}

TEST_F(LimitsTest, AStreamCountsAlsoWhenTheClientLeavesInTheMiddle) {
  start_with(100'000);
  auto running = stream_of("/stream");
  EXPECT_TRUE(until([&] { return running->text().find("data: 20\n") != std::string::npos; }));
  server_->set_keys({.keys = {"limited"}, .limits = {{.key = "limited", .tokens_per_minute = 5}}});
  EXPECT_EQ(status_of_next(), 200) << "it is not known yet";
  running->leave();
  EXPECT_TRUE(until([&] { return status_of_next() == 429; }));
}

TEST_F(LimitsTest, AProcessThatDiesTellsNothingAndKeepsNobodyWaiting) {
  start_with(5);
  const auto begin = std::chrono::steady_clock::now();
  auto half = stream_of("/half");
  EXPECT_TRUE(until([&] { return half->has_ended(); }));
  EXPECT_THAT(half->text(), HasSubstr("broke off"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_EQ(status_of_next(), 200);
}

TEST_F(LimitsTest, OnlyTheRouterAsksWhatARequestUses) {
  start_with(100'000);
  auto headers = of("free");
  headers.emplace_back(kBillHeader, "1");
  EXPECT_THAT(post("/echo", R"({"model":"a"})", headers).body, Not(HasSubstr(kBillHeader)));
  headers = of("limited");
  headers.emplace_back(kBillHeader, "forged");
  const auto answer = post("/echo", R"({"model":"a"})", headers);
  EXPECT_THAT(answer.body, HasSubstr(kBillHeader));
  EXPECT_THAT(answer.body, Not(HasSubstr("forged")));
}

TEST_F(LimitsTest, StoppingDoesNotWaitForWhatIsUsed) {
  start_with(100'000);
  auto hanging = stream_of("/hang");
  EXPECT_TRUE(until([&] { return state("a") == "loaded"; }));
  const auto begin = std::chrono::steady_clock::now();
  router_->close();
  server_->stop(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

}  // namespace
}  // namespace llm::router
