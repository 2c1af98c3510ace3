#include "engine/engine_fixture.h"

#include "base/error.h"

namespace llm {
namespace {

using namespace std::chrono_literals;
using test::Collector;
using test::EngineTest;
using test::Forcing;

TEST_F(EngineTest, GeneratesWhatTheModelSays) {
  const auto sink = std::make_shared<Collector>();
  start().submit(request(prompt(100, 1), 40), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens, expected(prompt(100, 1), 40));
  EXPECT_EQ(sink->ended->stop, StopType::limit);
  EXPECT_EQ(sink->ended->timings.prompt_tokens, 100);
  EXPECT_EQ(sink->ended->tokens_cached, 139);
}

TEST_F(EngineTest, ReusesEveryTokenOfASeenPromptButTheLast) {
  start();
  for (const int reused : {0, 99, 99}) {
    const auto sink = std::make_shared<Collector>();
    engine->submit(request(prompt(100, 1), 5), sink);
    ASSERT_TRUE(sink->wait());
    EXPECT_EQ(sink->tokens, expected(prompt(100, 1), 5));
    EXPECT_EQ(sink->ended->timings.cached_tokens, reused);
    EXPECT_EQ(sink->ended->timings.prompt_tokens, 100 - reused);
  }
}

TEST_F(EngineTest, ReusesTheConversationSoFar) {
  start();
  const auto first = std::make_shared<Collector>();
  engine->submit(request(prompt(70, 2), 50), first);
  ASSERT_TRUE(first->wait());
  auto next = prompt(70, 2);
  next.insert(next.end(), first->tokens.begin(), first->tokens.end());
  const auto more = prompt(20, 3);
  next.insert(next.end(), more.begin(), more.end());
  const auto second = std::make_shared<Collector>();
  engine->submit(request(next, 10), second);
  ASSERT_TRUE(second->wait());
  EXPECT_EQ(second->tokens, expected(next, 10));
  EXPECT_EQ(second->ended->timings.cached_tokens, 119) << "all but the last, never computed token";
}

TEST_F(EngineTest, ComputesWhatWasNotAskedToBeReused) {
  start();
  for (int i = 0; i < 2; ++i) {
    const auto sink = std::make_shared<Collector>();
    auto r = request(prompt(64, 1), 5);
    r.cache_prompt = false;
    engine->submit(std::move(r), sink);
    ASSERT_TRUE(sink->wait());
    EXPECT_EQ(sink->ended->timings.cached_tokens, 0);
    EXPECT_EQ(sink->tokens, expected(prompt(64, 1), 5));
  }
}

TEST_F(EngineTest, ComputesASharedPromptOnceWhileAllAreRunning) {
  settings = {.slots = 8, .context = 4096, .micro_batch = 64};
  model.ms_per_step = 1;
  start();
  std::vector<std::shared_ptr<Collector>> sinks;
  const auto shared = prompt(640, 5);
  for (int i = 0; i < 8; ++i) {
    auto own = shared;
    own.push_back(10 + i);
    sinks.push_back(std::make_shared<Collector>());
    engine->submit(request(own, 20), sinks.back());
  }
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(sinks[i]->wait());
    auto own = shared;
    own.push_back(10 + i);
    EXPECT_EQ(sinks[i]->tokens, expected(own, 20)) << "client " << i;
  }
  // Eight times alone would be 8 * 641 + 8 * 19.
  EXPECT_LT(model.computed(), 2u * 641 + 8 * 19);
}

TEST_F(EngineTest, FinishesEverythingWhenPagesRunOut) {
  // Four sequences of up to 500 tokens in a cache of 1024.
  settings.unified_cache = true;
  start();
  std::vector<std::shared_ptr<Collector>> sinks;
  for (int i = 0; i < 8; ++i) {
    sinks.push_back(std::make_shared<Collector>());
    engine->submit(request(prompt(100, 100 + i), 400), sinks.back());
  }
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(sinks[i]->wait());
    ASSERT_TRUE(sinks[i]->ended) << sinks[i]->failed->message;
    EXPECT_EQ(sinks[i]->tokens, expected(prompt(100, 100 + i), 400)) << "client " << i;
  }
}

TEST_F(EngineTest, FreesThePagesOfCancelledRequests) {
  model.ms_per_step = 1;
  start();
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(200, 1), 700);
  r.cache_prompt = false;
  const auto handle = engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait_for_tokens(3));
  EXPECT_GT(engine->stats().pages_used, 5);
  handle->cancel();
  for (int i = 0; i < 2000 && engine->stats().processing > 0; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(engine->stats().pages_used, 0);
  EXPECT_EQ(engine->stats().requests_cancelled, 1);
  EXPECT_FALSE(sink->ended);
}

TEST_F(EngineTest, EndsAtTheContextAndSaysThatItIsTruncated) {
  settings = {.slots = 1, .context = 256};
  start();
  const auto sink = std::make_shared<Collector>();
  engine->submit(request(prompt(250, 1), -1), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens.size(), 6u);
  EXPECT_EQ(sink->ended->stop, StopType::limit);
  EXPECT_TRUE(sink->ended->truncated);
}

TEST_F(EngineTest, TokensWithoutAChoiceAreReadLikeAPrompt) {
  start();
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(10, 1), 42);
  r.filter = std::make_unique<Forcing>(expected(prompt(10, 1), 42), 6);
  engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens, expected(prompt(10, 1), 42));
  EXPECT_EQ(sink->ended->timings.predicted_tokens, 42);
  EXPECT_EQ(model.steps(), 6u) << "one for each sampled token and the six behind it";
}

TEST_F(EngineTest, RefusesAPromptThatDoesNotFitWithBothNumbers) {
  settings = {.slots = 1, .context = 256};
  start();
  try {
    engine->submit(request(prompt(256, 1), 5), std::make_shared<Collector>());
    FAIL() << "accepted";
  } catch (const ContextError& error) {
    EXPECT_EQ(error.prompt_tokens, 256);
    EXPECT_EQ(error.context, 256);
    EXPECT_EQ(error.type, "exceed_context_size_error");
  }
}

TEST_F(EngineTest, RefusesMoreThanTheQueueHolds) {
  settings = {.slots = 1, .context = 256, .max_queue = 2};
  model.ms_per_step = 5;
  start();
  const auto running = std::make_shared<Collector>();
  engine->submit(request(prompt(10, 1), 200), running);
  ASSERT_TRUE(running->wait_for_tokens(1));
  engine->submit(request(prompt(10, 2), 1), std::make_shared<Collector>());
  engine->submit(request(prompt(10, 3), 1), std::make_shared<Collector>());
  try {
    engine->submit(request(prompt(10, 4), 1), std::make_shared<Collector>());
    FAIL() << "accepted";
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 503);
  }
}

TEST_F(EngineTest, EndsRunningRequestsWithAnErrorWhenAStepFails) {
  start();
  model.fails = true;
  const auto sink = std::make_shared<Collector>();
  engine->submit(request(prompt(10, 1), 5), sink);
  ASSERT_TRUE(sink->wait());
  ASSERT_TRUE(sink->failed);
  EXPECT_EQ(sink->failed->status, 500);
  model.fails = false;
  const auto next = std::make_shared<Collector>();
  engine->submit(request(prompt(10, 1), 5), next);
  ASSERT_TRUE(next->wait());
  EXPECT_EQ(next->tokens, expected(prompt(10, 1), 5)) << "the engine goes on";
}

TEST_F(EngineTest, DrainLetsRunningRequestsFinish) {
  model.ms_per_step = 1;
  start();
  const auto sink = std::make_shared<Collector>();
  engine->submit(request(prompt(10, 1), 50), sink);
  engine->drain(10s);
  EXPECT_TRUE(sink->ended);
  EXPECT_THROW(engine->submit(request(prompt(10, 1), 5), sink), RequestError);
}

TEST_F(EngineTest, DrainCutsWhatDoesNotFinishInTime) {
  model.ms_per_step = 5;
  start();
  const auto sink = std::make_shared<Collector>();
  engine->submit(request(prompt(10, 1), 900), sink);
  engine->drain(50ms);
  ASSERT_TRUE(sink->failed);
  EXPECT_EQ(sink->failed->status, 503);
}

TEST_F(EngineTest, WaitsForTheWishedSlot) {
  start();
  std::vector<std::shared_ptr<Collector>> sinks;
  for (int i = 0; i < 3; ++i) {
    sinks.push_back(std::make_shared<Collector>());
    auto r = request(prompt(40, i), 20);
    r.slot = 2;
    engine->submit(std::move(r), sinks.back());
  }
  for (const auto& sink : sinks) {
    ASSERT_TRUE(sink->wait());
    EXPECT_EQ(sink->ended->slot, 2);
  }
}

TEST_F(EngineTest, MeasuresEveryRequestAndBatchOnce) {
  start();
  for (int i = 0; i < 3; ++i) {
    const auto sink = std::make_shared<Collector>();
    engine->submit(request(prompt(100, i), 5), sink);
    ASSERT_TRUE(sink->wait());
  }
  engine->drain(10s);
  const EngineStats stats = engine->stats();
  const EngineHistograms& h = stats.histograms;
  EXPECT_EQ(h.queue_seconds.count(), 3u);
  EXPECT_EQ(h.first_token_seconds.count(), 3u);
  EXPECT_EQ(h.output_token_seconds.count(), 3u * 4);
  EXPECT_EQ(h.request_seconds.count(), 3u);
  EXPECT_EQ(h.prompt_tokens.sum, 300);
  EXPECT_EQ(h.output_tokens.sum, 15);
  EXPECT_EQ(h.step_tokens.count(), static_cast<std::uint64_t>(stats.decode_calls));
  EXPECT_EQ(h.step_sequences.sum, static_cast<double>(stats.busy_slots_sum));
  EXPECT_EQ(h.step_tokens.sum, 300 + 3 * 4);  // the last token of each is never computed
  EXPECT_EQ(stats.pages_free + stats.pages_cached + stats.pages_used, stats.pages);
}

TEST_F(EngineTest, WhatEarlierEnginesCountedIsAdded) {
  EngineStats now{.prompt_tokens = 1, .tokens_max = 5, .waiting = 2, .pages_free = 3};
  now.add_past({.prompt_tokens = 10, .tokens_max = 4, .waiting = 7, .pages_free = 9});
  EXPECT_EQ(now.prompt_tokens, 11);
  EXPECT_EQ(now.tokens_max, 5);
  EXPECT_EQ(now.waiting, 2);
  EXPECT_EQ(now.pages_free, 3);
}

}  // namespace
}  // namespace llm
