#include "server/chat/oai_chat.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "fakes.h"

namespace llm::server {
namespace {

using test::World;

CompletionParams chat_params(const char* body) {
  return parse_chat_params(Json::parse(body), {}, Limits{.slots = 2});
}

TEST(ChatParams, LogprobsIsASwitch) {
  EXPECT_EQ(chat_params(R"({"logprobs":true})").sampling.n_probs, 20);
  EXPECT_EQ(chat_params(R"({"logprobs":true,"top_logprobs":3})").sampling.n_probs, 3);
  EXPECT_EQ(chat_params(R"({"logprobs":true,"top_logprobs":0})").sampling.n_probs, 1);
  EXPECT_EQ(chat_params(R"({"logprobs":false})").sampling.n_probs, 0);
  EXPECT_EQ(chat_params(R"({"n_probs":4})").sampling.n_probs, 4);
}

TEST(ChatParams, FieldsThatContradictEachOtherAreRefused) {
  const auto status = [](const char* body) {
    try {
      chat_params(body);
    } catch (const RequestError& error) {
      return error.status;
    }
    return 200;
  };
  EXPECT_EQ(status(R"({"grammar":"x","tools":[{"type":"function","function":{"name":"f"}}]})"),
            400);
  EXPECT_EQ(status(R"({"logprobs":true,"stream":true,"tools":[{}]})"), 400);
  EXPECT_EQ(status(R"({"top_logprobs":2})"), 400);
  EXPECT_EQ(status(R"({"response_format":{"type":"xml"}})"), 400);
}

/// One choice's life in a format, by hand.
struct ChoiceByHand {
  explicit ChoiceByHand(CompletionParams params, ReplyPlan plan = {})
      : format(world.service->serving(), world.service->live(), std::move(params), std::move(plan),
               nullptr) {
    replies.emplace_back(*world.tokenizer,
                         SequenceReply::Setup{.prompt = {1, 2, 3}, .wants_scores = false});
  }
  std::string token(const std::string& text) {
    const auto chunk = replies[0].add({.token = test::letter('a'), .text = text});
    return chunk ? format.chunk(replies[0], *chunk) : "";
  }
  std::string end(StopType stop) {
    replies[0].finish({.stop = stop, .timings = {.predicted_tokens = 2}});
    return format.end(replies[0], replies) + format.close(replies);
  }
  static Json only(const std::string& event) {
    EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
    return Json::parse(event.substr(6));
  }

  World world;
  OaiChatFormat format;
  std::vector<SequenceReply> replies;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> events;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\n\n", at) + 2;
    events.push_back(text.substr(at, end - at));
    at = end;
  }
  return events;
}

TEST(ChatStream, RoleThenTextThenReason) {
  ChoiceByHand stream({});
  const auto first = split(stream.token("Hi"));
  ASSERT_EQ(first.size(), 2u);
  const Json role = ChoiceByHand::only(first[0]);
  EXPECT_EQ(role["choices"].dump(),
            R"([{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}])");
  std::string keys;
  for (const auto& [key, value] : role.items()) keys += key + " ";
  EXPECT_EQ(keys, "choices created id model system_fingerprint object ");
  EXPECT_EQ(ChoiceByHand::only(first[1])["choices"][0]["delta"].dump(), R"({"content":"Hi"})");

  EXPECT_EQ(stream.token(""), "");  // withheld
  const auto last = split(stream.end(StopType::eos));
  ASSERT_EQ(last.size(), 2u);
  const Json final = ChoiceByHand::only(last[0]);
  EXPECT_EQ(final["choices"].dump(), R"([{"finish_reason":"stop","index":0,"delta":{}}])");
  EXPECT_TRUE(final.contains("timings"));
  EXPECT_EQ(last[1], "data: [DONE]\n\n");
}

TEST(ChatStream, UsageHasItsOwnChunk) {
  CompletionParams params;
  params.include_usage = true;
  ChoiceByHand stream(params);
  stream.token("x");
  const auto last = split(stream.end(StopType::limit));
  ASSERT_EQ(last.size(), 3u);
  EXPECT_FALSE(ChoiceByHand::only(last[0]).contains("timings"));
  const Json usage = ChoiceByHand::only(last[1]);
  EXPECT_EQ(usage["choices"].dump(), "[]");
  EXPECT_EQ(usage["usage"]["total_tokens"], 5);
  EXPECT_TRUE(usage.contains("timings"));
}

TEST(ChatStream, APrefillStandsInFrontOfTheFirstText) {
  ReplyPlan plan;
  plan.prefill = "The ball was";
  plan.streams_prefill = true;
  ChoiceByHand stream({}, plan);
  EXPECT_EQ(split(stream.token("")).size(), 1u);  // the role only
  EXPECT_EQ(ChoiceByHand::only(stream.token(" red"))["choices"][0]["delta"]["content"],
            "The ball was red");
  EXPECT_EQ(ChoiceByHand::only(stream.token("."))["choices"][0]["delta"]["content"], ".");
  stream.replies[0].finish({.stop = StopType::eos});
  EXPECT_EQ(Json::parse(stream.format.whole(stream.replies))["choices"][0]["message"].dump(),
            R"({"role":"assistant","content":"The ball was red."})");
}

TEST(ChatFormat, TheIdIsKnownWhileTheRequestRuns) {
  World world;
  std::string id;
  {
    OaiChatFormat format(world.service->serving(), world.service->live(), {}, {}, nullptr);
    id = format.id();
    EXPECT_TRUE(id.starts_with("chatcmpl-") && id.size() == 41);
    EXPECT_TRUE(world.service->live().has_completion(id));
  }
  EXPECT_FALSE(world.service->live().has_completion(id));
}

}  // namespace
}  // namespace llm::server
