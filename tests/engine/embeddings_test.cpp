// Vectors: many inputs in a batch, pieces, pages, cancellation, and beside streams.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>

#include "base/error.h"
#include "engine/byte_tokenizer.h"
#include "engine/fake_model.h"
#include "engine/loop.h"

namespace llm {
namespace {

using namespace std::chrono_literals;
using test::byte_tokenizer;
using test::FakeModel;
using test::FakePool;
using test::kVocab;
using Tokens = std::vector<TokenId>;

class Vectors final : public EmbeddingSink {
 public:
  void done(std::vector<Embedding>&& vectors) override {
    const std::lock_guard lock(mutex_);
    results = std::move(vectors);
    changed_.notify_all();
  }
  void error(ErrorEvent&& event) override {
    const std::lock_guard lock(mutex_);
    failed = std::move(event);
    changed_.notify_all();
  }
  bool wait(std::chrono::milliseconds time = 20s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return results || failed; });
  }

  std::optional<std::vector<Embedding>> results;
  std::optional<ErrorEvent> failed;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class Text final : public EventSink {
 public:
  void token(TokenEvent&& event) override {
    const std::lock_guard lock(mutex_);
    tokens.push_back(event.token);
    changed_.notify_all();
  }
  void end(EndEvent&&) override { finish(); }
  void error(ErrorEvent&& event) override {
    failed = std::move(event);
    finish();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [this] { return has_ended; });
  }
  void wait_for_tokens(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return has_ended || tokens.size() >= count; });
  }

  Tokens tokens;
  std::optional<ErrorEvent> failed;
  bool has_ended = false;

 private:
  void finish() {
    const std::lock_guard lock(mutex_);
    has_ended = true;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct EmbeddingsTest : testing::Test {
  std::unique_ptr<Tokenizer> tokenizer = byte_tokenizer();
  FakeModel model{kVocab, 1024};
  EngineSettings settings{.slots = 4, .context = 1024, .micro_batch = 64};
  std::unique_ptr<EngineLoop> engine;

  EngineLoop& start() {
    engine = std::make_unique<EngineLoop>(
        model, *tokenizer,
        [this](int pages) {
          return std::make_unique<FakePool>(model.kv_layout(quant::Type::f32, quant::Type::f32),
                                            pages);
        },
        settings);
    return *engine;
  }

  static Tokens text(int length, int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    Tokens tokens(static_cast<std::size_t>(length));
    for (TokenId& token : tokens) token = static_cast<TokenId>(3 + random() % (kVocab - 3));
    return tokens;
  }

  /// The vector of the token at `position`.
  std::vector<float> vector_of(const Tokens& tokens, std::size_t position) const {
    const Tokens history(tokens.begin(),
                         tokens.begin() + static_cast<std::ptrdiff_t>(position) + 1);
    return {static_cast<float>(tokens[position]), static_cast<float>(model.next(history))};
  }
  std::vector<float> last_of(const Tokens& tokens) const {
    return vector_of(tokens, tokens.size() - 1);
  }

  static GenerationRequest story(Tokens prompt, int tokens) {
    GenerationRequest request;
    request.prompt = std::move(prompt);
    request.max_tokens = tokens;
    request.sampling.temperature = 0;
    request.ignore_eos = true;
    return request;
  }
};

TEST_F(EmbeddingsTest, ManyInputsOfManyRequestsShareBatchesAndNoneIsLost) {
  model.make_encoder();
  model.ms_per_step = 1;
  start();
  std::vector<std::shared_ptr<Vectors>> sinks;
  std::vector<std::vector<Tokens>> asked;
  for (int r = 0; r < 8; ++r) {
    std::vector<Tokens> inputs;
    for (int i = 0; i < 40; ++i) inputs.push_back(text(1 + (r * 7 + i * 5) % 64, r * 100 + i));
    asked.push_back(inputs);
    sinks.push_back(std::make_shared<Vectors>());
    engine->submit(EmbeddingRequest{inputs, Pooling::last}, sinks.back());
  }
  for (std::size_t r = 0; r < sinks.size(); ++r) {
    ASSERT_TRUE(sinks[r]->wait());
    ASSERT_TRUE(sinks[r]->results) << sinks[r]->failed->message;
    ASSERT_EQ(sinks[r]->results->size(), asked[r].size());
    for (std::size_t i = 0; i < asked[r].size(); ++i) {
      EXPECT_EQ((*sinks[r]->results)[i].rows, 1);
      EXPECT_EQ((*sinks[r]->results)[i].values, last_of(asked[r][i]));
    }
  }
  EXPECT_GT(model.most_inputs(), 2u);
  EXPECT_EQ(engine->stats().waiting, 0);
}

TEST_F(EmbeddingsTest, EveryPooling) {
  start();
  const Tokens input = text(100, 1);  // longer than a step: it comes in pieces
  std::vector<double> mean(2);
  std::vector<float> all;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const auto row = vector_of(input, i);
    all.insert(all.end(), row.begin(), row.end());
    for (std::size_t c = 0; c < 2; ++c) mean[c] += row[c];
  }
  const auto ask = [&](Pooling pooling) {
    const auto sink = std::make_shared<Vectors>();
    engine->submit(EmbeddingRequest{{input}, pooling}, sink);
    EXPECT_TRUE(sink->wait());
    return sink->results.value().at(0);
  };
  EXPECT_EQ(ask(Pooling::none).rows, 100);
  EXPECT_EQ(ask(Pooling::none).values, all);
  EXPECT_EQ(ask(Pooling::cls).values, vector_of(input, 0));
  EXPECT_EQ(ask(Pooling::last).values, last_of(input));
  EXPECT_EQ(ask(Pooling::mean).values, (std::vector<float>{static_cast<float>(mean[0] / 100),
                                                           static_cast<float>(mean[1] / 100)}));
}

TEST_F(EmbeddingsTest, TooLongInputsAreRefusedWithBothNumbers) {
  start();
  const auto sink = std::make_shared<Vectors>();
  try {
    engine->submit(EmbeddingRequest{{text(5, 1), text(1025, 2)}}, sink);
    FAIL();
  } catch (const ContextError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.prompt_tokens, 1025);
    EXPECT_EQ(error.context, 1024);
  }
  EXPECT_THROW(engine->submit(EmbeddingRequest{{{}}}, sink), RequestError);
  engine.reset();
  model.make_encoder();
  start();
  EXPECT_EQ(engine->longest_input(), 64);
  try {
    engine->submit(EmbeddingRequest{{text(65, 2)}}, sink);
    FAIL();
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_NE(std::string(error.what()).find("65"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("64"), std::string::npos);
  }
  EXPECT_THROW(engine->submit(story(text(5, 1), 3), std::make_shared<Text>()), RequestError)
      << "an encoder writes nothing";
}

TEST_F(EmbeddingsTest, StreamsAndVectorsBesideEachOtherAreWhatTheyAreAlone) {
  settings.context = 512;
  start();
  const Tokens prompt = text(60, 9);
  const auto alone = std::make_shared<Text>();
  engine->submit(story(prompt, 200), alone);
  ASSERT_TRUE(alone->wait());
  const auto beside = std::make_shared<Text>();
  engine->submit(story(prompt, 200), beside);
  std::vector<std::shared_ptr<Vectors>> sinks;
  std::vector<Tokens> inputs;
  for (int i = 0; i < 30; ++i) {
    inputs.push_back(text(300 + i, i));
    sinks.push_back(std::make_shared<Vectors>());
    engine->submit(EmbeddingRequest{{inputs.back()}, Pooling::last}, sinks.back());
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    ASSERT_TRUE(sinks[i]->wait());
    ASSERT_TRUE(sinks[i]->results);
    EXPECT_EQ(sinks[i]->results->at(0).values, last_of(inputs[i]));
  }
  ASSERT_TRUE(beside->wait());
  EXPECT_EQ(beside->tokens, alone->tokens);
}

TEST_F(EmbeddingsTest, AFullCacheDelaysVectorsAndStreamsButLosesNone) {
  settings = {.slots = 4, .context = 512, .micro_batch = 64};
  start();
  std::vector<std::shared_ptr<Text>> texts;
  for (int i = 0; i < 4; ++i) {
    texts.push_back(std::make_shared<Text>());
    engine->submit(story(text(40, i), 400), texts.back());
  }
  std::vector<std::shared_ptr<Vectors>> sinks;
  for (int i = 0; i < 4; ++i) {
    sinks.push_back(std::make_shared<Vectors>());
    engine->submit(EmbeddingRequest{{text(500, 50 + i)}, Pooling::mean}, sinks.back());
  }
  for (const auto& sink : sinks) {
    ASSERT_TRUE(sink->wait());
    EXPECT_TRUE(sink->results);
  }
  for (const auto& one : texts) {
    ASSERT_TRUE(one->wait());
    EXPECT_FALSE(one->failed);
    EXPECT_EQ(one->tokens.size(), 400u);
  }
}

TEST_F(EmbeddingsTest, CancelledRequestsGiveTheirPagesBack) {
  model.ms_per_step = 2;
  start();
  const auto gone = std::make_shared<Vectors>();
  const auto handle =
      engine->submit(EmbeddingRequest{std::vector<Tokens>(200, text(900, 1)), Pooling::mean}, gone);
  std::this_thread::sleep_for(20ms);
  handle->cancel();
  const auto next = std::make_shared<Vectors>();
  engine->submit(EmbeddingRequest{{text(1000, 2)}, Pooling::last}, next);
  ASSERT_TRUE(next->wait());
  EXPECT_EQ(next->results->at(0).values, last_of(text(1000, 2)));
  EXPECT_FALSE(gone->wait(1ms)) << "nobody waits for it any more";
  engine->drain(10s);
  EXPECT_EQ(engine->stats().requests_cancelled, 1);
  EXPECT_EQ(engine->stats().pages_used, 0);
}

TEST_F(EmbeddingsTest, AFailedStepEndsItsRequestsWithAnError) {
  start();
  model.fails = true;
  const auto sink = std::make_shared<Vectors>();
  engine->submit(EmbeddingRequest{{text(10, 1), text(20, 2)}, Pooling::mean}, sink);
  ASSERT_TRUE(sink->wait());
  EXPECT_EQ(sink->failed->status, 500);
  model.fails = false;
  const auto next = std::make_shared<Vectors>();
  engine->submit(EmbeddingRequest{{text(10, 1)}, Pooling::last}, next);
  ASSERT_TRUE(next->wait());
  EXPECT_EQ(next->results->at(0).values, last_of(text(10, 1)));
}

TEST_F(EmbeddingsTest, AStoppingEngineTellsWhoWaits) {
  model.ms_per_step = 5;
  start();
  const auto sink = std::make_shared<Vectors>();
  engine->submit(EmbeddingRequest{std::vector<Tokens>(100, text(900, 1)), Pooling::mean}, sink);
  std::this_thread::sleep_for(10ms);
  engine.reset();
  ASSERT_TRUE(sink->wait(1ms));
  EXPECT_EQ(sink->failed->status, 503);
}

TEST_F(EmbeddingsTest, AShortRequestDoesNotWaitForALongList) {
  model.make_encoder();
  model.ms_per_step = 2;
  start();
  const auto list = std::make_shared<Vectors>(), quick = std::make_shared<Vectors>();
  engine->submit(EmbeddingRequest{std::vector<Tokens>(500, text(60, 1)), Pooling::mean}, list);
  engine->submit(EmbeddingRequest{{text(4, 2)}, Pooling::last}, quick);
  ASSERT_TRUE(quick->wait());
  EXPECT_FALSE(list->results);
  ASSERT_TRUE(list->wait());
  EXPECT_EQ(list->results->size(), 500u);
}

}  // namespace
}  // namespace llm
