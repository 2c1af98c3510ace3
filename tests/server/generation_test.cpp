// The road of a request, with a hand-driven engine: what is submitted, sent, cancelled.
#include "server/generation.h"

#include <gtest/gtest.h>

#include "fakes.h"
#include "scripted_format.h"
#include "server/errors.h"
#include "server/native.h"
#include "server/oai_completions.h"

namespace llm::server {
namespace {

using test::events_of;
using test::FakeExchange;
using test::World;

TEST(Generation, AWholeReplyIsCollected) {
  World world;
  FakeExchange exchange(R"({"prompt":"ab","n_predict":3,"seed":5})");
  world.start(native_completion, exchange);
  ASSERT_EQ(world.engine.submitted.size(), 1u);
  const auto& request = world.engine.submitted[0]->request;
  EXPECT_EQ(request.max_tokens, 3);
  EXPECT_EQ(request.sampling.seed, 5u);
  EXPECT_EQ(request.prompt.front(), 1);  // BOS
  world.engine.submitted[0]->answer("xyz");
  world.turn();
  ASSERT_TRUE(world.is_done);
  const Json reply = Json::parse(world.response.body);
  EXPECT_EQ(reply["content"], "xyz");
  EXPECT_EQ(reply["model"], "tiny");
  EXPECT_EQ(reply["stop_type"], "limit");
  EXPECT_EQ(reply["id_slot"], 1);
  EXPECT_EQ(reply["tokens_predicted"], 3);
  EXPECT_EQ(reply["timings"]["predicted_per_second"], 1000);
}

TEST(Generation, ABudgetOfNoneYieldsOneToken) {
  World world;
  FakeExchange exchange(R"({"prompt":"ab","n_predict":0})");
  world.start(native_completion, exchange);
  EXPECT_EQ(world.engine.submitted.at(0)->request.max_tokens, 1);
}

TEST(Generation, AStreamBeginsWithTheWorkAndEndsWithTheFinalObject) {
  World world;
  FakeExchange exchange(R"({"prompt":"ab","stream":true})");
  world.start(native_completion, exchange);
  EXPECT_FALSE(exchange.has_begun);
  world.engine.submitted.at(0)->answer("hi");
  world.turn();
  EXPECT_TRUE(exchange.has_begun);
  ASSERT_TRUE(world.is_done);
  const auto events = events_of(exchange.written);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["content"], "h");
  EXPECT_EQ(events[0]["tokens"], Json::array({test::letter('h')}));
  EXPECT_EQ(events[1]["content"], "i");
  EXPECT_EQ(events[2]["stop"], true);
  EXPECT_EQ(events[2]["content"], "");
}

TEST(Generation, ChoicesHaveTheirOwnSeedsAndCountOnceInThePrompt) {
  World world;
  FakeExchange exchange(R"({"prompt":["ab","abc"],"n":2,"seed":7})");
  world.start(oai_completions, exchange);
  ASSERT_EQ(world.engine.submitted.size(), 4u);
  EXPECT_EQ(world.engine.submitted[0]->request.sampling.seed, 7u);
  EXPECT_EQ(world.engine.submitted[1]->request.sampling.seed, 8u);
  EXPECT_EQ(world.engine.submitted[2]->request.sampling.seed, 7u);
  const auto first = world.engine.submitted[0]->request.prompt.size();
  const auto second = world.engine.submitted[2]->request.prompt.size();
  for (const int i : {3, 1, 0, 2}) world.engine.submitted[i]->answer(std::string(i + 1, 'a'));
  world.turn();
  const Json reply = Json::parse(world.response.body);
  ASSERT_EQ(reply["choices"].size(), 4u);
  EXPECT_EQ(reply["choices"][3]["text"], "aaaa");
  EXPECT_EQ(reply["usage"]["completion_tokens"], 1 + 2 + 3 + 4);
  EXPECT_EQ(reply["usage"]["prompt_tokens"], first + second);
  EXPECT_EQ(reply["timings"]["predicted_n"], 10);
}

TEST(Generation, AClientThatLeavesCancelsEverything) {
  World world;
  FakeExchange exchange(R"({"prompt":["a","b"],"stream":true})");
  world.start(native_completion, exchange);
  exchange.leave();
  world.turn();
  EXPECT_TRUE(world.is_done);
  for (const auto& one : world.engine.submitted) EXPECT_TRUE(one->is_cancelled);
}

TEST(Generation, AFullQueueLeavesNothingRunning) {
  World world;
  world.engine.capacity = 1;
  FakeExchange exchange(R"({"prompt":["a","b"]})");
  world.start(native_completion, exchange);
  ASSERT_TRUE(world.is_done);
  ASSERT_TRUE(world.error);
  EXPECT_TRUE(world.engine.submitted[0]->is_cancelled);
  try {
    std::rethrow_exception(world.error);
  } catch (...) {
    const auto response = error_response(*error_of_current_exception("id"));
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.headers.back(), (std::pair<std::string, std::string>("Retry-After", "1")));
  }
}

TEST(Generation, APromptThatDoesNotFitSaysBothNumbers) {
  World world;
  FakeExchange exchange(R"({"prompt":")" + std::string(80, 'a') + "\"}");
  world.start(native_completion, exchange);
  ASSERT_TRUE(world.error);
  EXPECT_TRUE(world.engine.submitted.empty());
  try {
    std::rethrow_exception(world.error);
  } catch (...) {
    const Json error = error_json(*error_of_current_exception("id"))["error"];
    EXPECT_EQ(error["code"], 400);
    EXPECT_EQ(error["type"], "exceed_context_size_error");
    EXPECT_EQ(error["n_ctx"], 64);
    EXPECT_GT(error["n_prompt_tokens"], 64);
  }
}

TEST(Generation, AnErrorBeforeTheStreamIsAnOrdinaryReplyAndLaterAnEvent) {
  for (const bool early : {true, false}) {
    World world;
    FakeExchange exchange(R"({"prompt":"a","stream":true})");
    world.start(native_completion, exchange);
    if (!early) world.engine.submitted[0]->sink->started();
    world.engine.submitted[0]->sink->error({500, "server_error", "no more pages"});
    world.turn();
    ASSERT_TRUE(world.is_done);
    EXPECT_EQ(exchange.has_begun, !early);
    const std::string expected =
        R"({"error":{"code":500,"message":"no more pages","type":"server_error"}})";
    EXPECT_EQ(early ? world.response.body : exchange.written,
              early ? expected : "data: " + expected + "\n\n");
  }
}

TEST(Generation, WithheldTextIsSentAtTheEnd) {
  World world;
  FakeExchange exchange(R"({"prompt":"a","stream":true,"stop":["hid"]})");
  world.start(oai_completions, exchange);
  auto& sink = *world.engine.submitted[0]->sink;
  sink.started();
  sink.token({.token = test::letter('h'), .predicted_tokens = 1});
  sink.end({.stop = StopType::limit, .text = "h"});
  world.turn();
  const auto events = events_of(exchange.written);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["choices"][0]["text"], "");
  EXPECT_EQ(events[1]["choices"][0]["text"], "h");
  EXPECT_EQ(events[2]["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(exchange.written.ends_with("data: [DONE]\n\n"));
}

TEST(Generation, ASilentStreamIsKeptAliveByComments) {
  World world;
  FakeExchange exchange(R"({"prompt":"a","stream":true,"sse_ping_interval":1})");
  world.start(native_completion, exchange);
  world.engine.submitted[0]->sink->started();
  world.turn();
  EXPECT_EQ(exchange.written, "");
  world.context.restart();
  world.context.run_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(exchange.written, ":\n\n");
  exchange.leave();
  world.turn();
  EXPECT_TRUE(world.is_done);
}

TEST(Sequence, NoChunkInsideACharacterAndItsScoreCarriesAllBytes) {
  World world;
  SequenceReply reply(*world.tokenizer, {.prompt = {1}, .wants_scores = true});
  EXPECT_FALSE(reply.add({.token = test::byte(0xC3), .predicted_tokens = 1}));
  const auto chunk =
      reply.add({.token = test::byte(0xBC), .text = "\xC3\xBC", .predicted_tokens = 2});
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->text, "\xC3\xBC");
  EXPECT_EQ(chunk->scored->bytes, "\xC3\xBC");
  EXPECT_EQ(reply.scores().size(), 1u);
}

TEST(Sequence, ScoresOfAStopStringAreDropped) {
  World world;
  SequenceReply reply(*world.tokenizer, {.prompt = {1}, .wants_scores = true});
  for (const char c : std::string("abxy")) {
    reply.add({.token = test::letter(c), .text = c < 'x' ? std::string(1, c) : ""});
  }
  // "xy" is three tokens of this vocabulary: the space in front counts.
  reply.finish({.stop = StopType::word, .stopping_word = "xy"});
  EXPECT_EQ(reply.text(), "ab");
  EXPECT_EQ(reply.scores().size(), 1u);
}

TEST(Native, ResponseFieldsSelect) {
  const Json whole = {{"content", "x"}, {"timings", {{"prompt_n", 3}}}};
  EXPECT_EQ(select_fields(whole, {}).dump(), whole.dump());
  EXPECT_EQ(select_fields(whole, {"timings/prompt_n", "content", "no/thing", "content/x"}).dump(),
            R"({"timings/prompt_n":3,"content":"x"})");
}

}  // namespace
}  // namespace llm::server
