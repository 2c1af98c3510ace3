#include "engine/engine_fixture.h"

#include <cstring>
#include <future>

#include "base/error.h"

namespace llm {
namespace {

using namespace std::chrono_literals;
using test::Collector;
using test::EngineTest;
using test::joined;
using test::make_pool;
using test::slot_job;

TEST_F(EngineTest, PromptsThatLeftThePoolComeBackFromMemory) {
  settings = {.slots = 1, .context = 256, .cache_ram = -1};
  start();
  for (const int cached : {0, 199}) {
    for (int i = 0; i < 6; ++i) {
      const auto sink = std::make_shared<Collector>();
      engine->submit(request(prompt(200, i), 5), sink);
      ASSERT_TRUE(sink->wait());
      EXPECT_EQ(sink->tokens, expected(prompt(200, i), 5));
      EXPECT_EQ(sink->ended->timings.cached_tokens, cached);
    }
  }
  const EngineStats stats = engine->stats();
  EXPECT_GT(stats.pages_revived, 6 * 5);
  EXPECT_GT(stats.pages_stored, 20);
  EXPECT_EQ(stats.bytes_stored, stats.pages_stored * test::fake_layout().page_bytes());
}

TEST_F(EngineTest, MemoryForPagesIsBounded) {
  settings = {.slots = 1, .context = 256, .cache_ram = 10 * test::fake_layout().page_bytes()};
  start();
  for (int i = 0; i < 12; ++i) {
    const auto sink = std::make_shared<Collector>();
    engine->submit(request(prompt(200, i % 6), 5), sink);
    ASSERT_TRUE(sink->wait());
    EXPECT_EQ(sink->tokens, expected(prompt(200, i % 6), 5));
    EXPECT_LE(engine->stats().pages_stored, 10);
  }
}

TEST_F(EngineTest, MovesPiecesOfAPromptThatWereComputedElsewhere) {
  settings = {.slots = 2, .context = 2048, .micro_batch = 64};
  start();
  const auto a = prompt(100, 1), b = prompt(70, 2), c = prompt(150, 3), d = prompt(40, 4);
  const auto first = std::make_shared<Collector>();
  engine->submit(request(joined({a, b, c}), 5), first);
  ASSERT_TRUE(first->wait());
  struct Case {
    std::vector<TokenId> prompt;
    int least, cached;
  };
  const Case cases[] = {
      {joined({a, c, d}), 50, 250},     // b was taken out
      {joined({a, d, c, d}), 50, 250},  // something came in between
      {joined({a, c, d}), 151, 100},    // too short to be moved
      {joined({a, c, d}), 0, 100},
  };
  for (const Case& one : cases) {
    engine.reset();
    start();
    const auto before = std::make_shared<Collector>();
    engine->submit(request(joined({a, b, c}), 5), before);
    ASSERT_TRUE(before->wait());
    const auto sink = std::make_shared<Collector>();
    auto r = request(one.prompt, 20);
    r.cache_reuse = one.least;
    engine->submit(std::move(r), sink);
    ASSERT_TRUE(sink->wait());
    EXPECT_EQ(sink->tokens, expected(one.prompt, 20));
    EXPECT_NEAR(sink->ended->timings.cached_tokens, one.cached, 2) << "ends may match by chance";
    EXPECT_EQ(sink->ended->timings.cached_tokens + sink->ended->timings.prompt_tokens,
              static_cast<int>(one.prompt.size()));
    // The conversation goes on: what was moved is found again by those who allow it, only.
    const auto next = joined({one.prompt, sink->tokens, d});
    for (const int least : {0, one.least}) {
      const auto more = std::make_shared<Collector>();
      auto again = request(next, 5);
      again.cache_reuse = least;
      engine->submit(std::move(again), more);
      ASSERT_TRUE(more->wait());
      EXPECT_EQ(more->tokens, expected(next, 5));
      if (least > 0) {
        EXPECT_GE(more->ended->timings.cached_tokens, one.cached);
      }
    }
  }
}

TEST_F(EngineTest, RefusesToMoveFixedKeys) {
  model.fix_keys();
  start();
  auto r = request(prompt(10, 1), 5);
  r.cache_reuse = 4;
  try {
    engine->submit(std::move(r), std::make_shared<Collector>());
    FAIL() << "accepted";
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.param, "n_cache_reuse");
  }
}

TEST_F(EngineTest, ASlotGoesToAnotherEngineAndGivesTheSameText) {
  start();
  const auto first = std::make_shared<Collector>();
  auto r = request(prompt(100, 1), 9);
  r.slot = 1;
  engine->submit(std::move(r), first);
  ASSERT_TRUE(first->wait());
  const SlotResult opened = slot_job(*engine, {.action = SlotJob::Action::open, .slot = 5});
  ASSERT_TRUE(opened.state);
  EXPECT_EQ(opened.state->tokens().size(), 108u);
  EXPECT_EQ(opened.state->exact_tokens(), 108);
  EXPECT_EQ(opened.state->page_count(), 4);

  EngineLoop other(
      model, *tokenizer, [this](int pages) { return make_pool(model, pages); }, settings);
  EXPECT_EQ(other.state_key(), engine->state_key());
  const auto tokens = opened.state->tokens();
  SlotResult reserved = slot_job(other, {.action = SlotJob::Action::reserve,
                                         .tokens = {tokens.begin(), tokens.end()},
                                         .exact_tokens = 108});
  ASSERT_TRUE(reserved.state);
  std::vector<std::byte> page(static_cast<std::size_t>(opened.state->page_bytes()));
  for (int i = 0; i < opened.state->page_count(); ++i) {
    opened.state->read(i, page.data());
    reserved.state->write(i, page.data());
  }
  const SlotResult restored = slot_job(
      other, {.action = SlotJob::Action::restore, .slot = 3, .state = std::move(reserved.state)});
  EXPECT_EQ(restored.tokens, 108);
  auto next = joined({prompt(100, 1), first->tokens, prompt(20, 2)});
  const auto second = std::make_shared<Collector>();
  other.submit(request(next, 10), second);
  ASSERT_TRUE(second->wait());
  EXPECT_EQ(second->tokens, expected(next, 10));
  EXPECT_EQ(second->ended->timings.cached_tokens, 108);
  EXPECT_EQ(second->ended->slot, 3) << "it is the one that holds the beginning";
}

TEST_F(EngineTest, AnOpenSlotKeepsItsPagesAndOutlivesTheEngine) {
  settings = {.slots = 1, .context = 256};
  start();
  const auto first = std::make_shared<Collector>();
  engine->submit(request(prompt(100, 1), 1), first);
  ASSERT_TRUE(first->wait());
  SlotResult opened = slot_job(*engine, {.action = SlotJob::Action::open});
  for (int i = 2; i < 9; ++i) {
    const auto sink = std::make_shared<Collector>();
    engine->submit(request(prompt(120, i), 1), sink);
    ASSERT_TRUE(sink->wait());
  }
  engine.reset();
  std::vector<std::byte> page(static_cast<std::size_t>(opened.state->page_bytes()));
  opened.state->read(3, page.data());
  EXPECT_EQ(std::memcmp(page.data(), prompt(100, 1).data() + 96, 4 * sizeof(TokenId)), 0);
  TokenId behind = 0;
  std::memcpy(&behind, page.data() + 4 * sizeof(TokenId), sizeof behind);
  EXPECT_EQ(behind, 0) << "nothing of others";
}

TEST_F(EngineTest, ReservedPagesThatAreLetGoAreFreeAgain) {
  settings = {.slots = 1, .context = 256};
  start();
  for (int i = 0; i < 20; ++i) {
    const SlotResult reserved =
        slot_job(*engine, {.action = SlotJob::Action::reserve, .tokens = prompt(200, 1)});
    ASSERT_TRUE(reserved.state) << i;
  }
  SlotResult one =
      slot_job(*engine, {.action = SlotJob::Action::reserve, .tokens = prompt(200, 1)});
  EXPECT_EQ(engine->stats().pages_cached, 7);
  std::promise<SlotResult> second;
  SlotJob job{.action = SlotJob::Action::reserve, .tokens = prompt(200, 1)};
  job.done = [&](SlotResult&& result) { second.set_value(std::move(result)); };
  engine->submit(std::move(job));
  auto waiting = second.get_future();
  EXPECT_EQ(waiting.wait_for(50ms), std::future_status::timeout) << "for the first one's pages";
  one.state.reset();
  EXPECT_TRUE(waiting.get().state);
  const SlotResult large =
      slot_job(*engine, {.action = SlotJob::Action::reserve, .tokens = prompt(400, 1)});
  ASSERT_TRUE(large.error);
  EXPECT_EQ(large.error->status, 400);
}

TEST_F(EngineTest, AnErasedSlotIsComputedAgain) {
  start();
  for (const int slot : {0, 1}) {
    const auto sink = std::make_shared<Collector>();
    auto r = request(prompt(100, 1), 5);
    r.slot = slot;
    engine->submit(std::move(r), sink);
    ASSERT_TRUE(sink->wait());
  }
  const auto cached = [&] {
    const auto sink = std::make_shared<Collector>();
    auto r = request(prompt(100, 1), 5);
    r.slot = 2;
    engine->submit(std::move(r), sink);
    EXPECT_TRUE(sink->wait());
    return sink->ended->timings.cached_tokens;
  };
  EXPECT_EQ(slot_job(*engine, {.action = SlotJob::Action::erase, .slot = 0}).tokens, 104);
  EXPECT_EQ(slot_job(*engine, {.action = SlotJob::Action::erase, .slot = 0}).tokens, 0);
  EXPECT_EQ(cached(), 99) << "the other slot holds it still";
  for (const int slot : {1, 2}) slot_job(*engine, {.action = SlotJob::Action::erase, .slot = slot});
  EXPECT_EQ(cached(), 0);
}

TEST_F(EngineTest, WhatIsDoneWithASlotWaitsUntilItIsIdle) {
  model.ms_per_step = 1;
  start();
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(10, 1), 60);
  r.slot = 0;
  engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait_for_tokens(1));
  const SlotResult opened = slot_job(*engine, {.action = SlotJob::Action::open, .slot = 0});
  EXPECT_TRUE(sink->ended);
  EXPECT_EQ(opened.state->tokens().size(), 69u);
}

}  // namespace
}  // namespace llm
