#include "engine/engine.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <random>

#include "base/error.h"
#include "engine/byte_tokenizer.h"
#include "engine/collector.h"
#include "engine/fake_model.h"
#include "engine/loop.h"

namespace llm {
namespace {

using namespace std::chrono_literals;
using test::byte_tokenizer;
using test::Collector;
using test::FakeModel;
using test::FakePool;

using test::kVocab;

/// Forces the next `run` tokens, behind each sampled one, of a text that is known beforehand.
class Forcing final : public TokenFilter {
 public:
  Forcing(std::vector<TokenId> text, int run) : text_(std::move(text)), run_(run) {}
  bool allows(TokenId) override { return true; }
  void mask(std::span<float>) override {}
  void accept(TokenId) override { ++taken_; }
  std::vector<TokenId> forced() override {
    const std::size_t end = std::min(text_.size(), taken_ + static_cast<std::size_t>(run_));
    if (taken_ >= end) return {};
    return {text_.begin() + static_cast<std::ptrdiff_t>(taken_),
            text_.begin() + static_cast<std::ptrdiff_t>(end)};
  }

 private:
  std::vector<TokenId> text_;
  int run_;
  std::size_t taken_ = 0;
};

/// A device that does nothing but own cache pages.
std::unique_ptr<compute::KvPool> make_pool(const Model& model, int pages) {
  return std::make_unique<FakePool>(model.kv_layout(quant::Type::f32, quant::Type::f32), pages);
}

struct EngineTest : testing::Test {
  std::unique_ptr<Tokenizer> tokenizer = byte_tokenizer();
  FakeModel model{kVocab, 4096};
  EngineSettings settings{.slots = 4, .context = 1024, .micro_batch = 64};
  std::unique_ptr<EngineLoop> engine;

  EngineLoop& start() {
    engine = std::make_unique<EngineLoop>(
        model, *tokenizer, [this](int pages) { return make_pool(model, pages); }, settings);
    return *engine;
  }

  static GenerationRequest request(std::vector<TokenId> prompt, int tokens) {
    GenerationRequest r;
    r.prompt = std::move(prompt);
    r.max_tokens = tokens;
    r.sampling.temperature = 0;
    r.ignore_eos = true;
    return r;
  }

  /// What the model says alone; the end-of-generation token is never chosen, as with ignore_eos.
  std::vector<TokenId> expected(std::vector<TokenId> history, int count) const {
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) {
      TokenId token = model.next(history);
      if (tokenizer->is_end_of_generation(token)) token = 0;  // all others tie at 0: the first wins
      tokens.push_back(token);
      history.push_back(token);
    }
    return tokens;
  }

  static std::vector<TokenId> prompt(int length, int seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(length);
    for (TokenId& token : tokens) token = static_cast<TokenId>(3 + random() % (kVocab - 3));
    return tokens;
  }
};

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

TEST_F(EngineTest, ShiftsTheContextWhenAsked) {
  settings = {.slots = 1, .context = 256, .context_shift = true};
  start();
  const auto sink = std::make_shared<Collector>();
  auto r = request(prompt(250, 1), 20);
  r.keep_tokens = 10;
  engine->submit(std::move(r), sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->tokens.size(), 20u);
  EXPECT_TRUE(sink->ended->truncated);
  // Ten are kept, half of the other 246 go, and the model sees the rest as if it had been the
  // prompt.
  auto history = prompt(250, 1);
  const auto before = expected(history, 6);
  history.insert(history.end(), before.begin(), before.end());
  history.erase(history.begin() + 10, history.begin() + 10 + 123);
  EXPECT_EQ(std::vector<TokenId>(sink->tokens.begin() + 6, sink->tokens.end()),
            expected(history, 14));
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

// Random arrivals, lengths, shared beginnings and cancellations; every text must be the one that
// the model says alone, and no page may be lost.
TEST_F(EngineTest, SimulationKeepsEveryTextAndEveryPage) {
  const unsigned seed = 20261125;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  settings = {.slots = 6, .context = 1024, .micro_batch = 48};
  start();
  struct Client {
    std::vector<TokenId> prompt;
    int tokens;
    bool cancelled;
    std::shared_ptr<Collector> sink;
  };
  std::vector<Client> clients;
  for (int i = 0; i < 150; ++i) {
    Client client;
    client.prompt = prompt(1 + random() % 300, random() % 4);
    client.prompt.resize(1 + random() % client.prompt.size());
    for (unsigned extra = random() % 40; extra > 0; --extra) {
      client.prompt.push_back(static_cast<TokenId>(3 + random() % 200));
    }
    client.tokens = 1 + static_cast<int>(random() % 200);
    client.cancelled = random() % 5 == 0;
    client.sink = std::make_shared<Collector>();
    auto r = request(client.prompt, client.tokens);
    r.cache_prompt = random() % 8 != 0;
    if (i % 3 == 0) {
      r.filter = std::make_unique<Forcing>(expected(client.prompt, client.tokens), i % 7);
    }
    const auto handle = engine->submit(std::move(r), client.sink);
    if (client.cancelled) {
      client.sink->wait_for_tokens(random() % 20);
      handle->cancel();
    }
    clients.push_back(std::move(client));
  }
  for (const Client& client : clients) {
    if (client.cancelled) continue;
    ASSERT_TRUE(client.sink->wait());
    ASSERT_TRUE(client.sink->ended);
    ASSERT_EQ(client.sink->tokens, expected(client.prompt, client.tokens));
  }
  engine->drain(10s);
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.pages_used, 0);
  EXPECT_EQ(stats.waiting, 0);
  EXPECT_LE(stats.pages_cached, stats.pages);
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
