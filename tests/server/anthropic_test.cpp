#include <gtest/gtest.h>

#include "base/error.h"
#include "fakes.h"
#include "scripted_format.h"
#include "server/anthropic/format.h"
#include "server/anthropic/request.h"

namespace llm::server {
namespace {

using test::events_of;
using test::Scripted;

Json body_of(const char* text) {
  return chat_body_of_anthropic(Json::parse(text));
}

TEST(AnthropicRequest, BlocksBecomeMessages) {
  const Json body =
      body_of(R"({"system":[{"type":"text","text":"You "},{"type":"text","text":"help."}],
    "messages":[{"role":"user","content":"Hi"},
     {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
       {"type":"text","text":"Look"},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]},
     {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"42"},
       {"type":"text","text":"And?"}]}]})");
  EXPECT_EQ(body["messages"].dump(),
            R"([{"role":"system","content":"You help."},{"role":"user","content":"Hi"},)"
            R"({"role":"assistant","content":"Look","reasoning_content":"hm","tool_calls":[)"
            R"({"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},)"
            R"({"role":"tool","tool_call_id":"t1","content":"42"},)"
            R"({"role":"user","content":[{"type":"text","text":"And?"}]}])");
  EXPECT_EQ(body["max_tokens"], 4096);
}

TEST(AnthropicRequest, OtherFieldsAreTranslated) {
  const Json body = body_of(R"({"messages":[],"max_tokens":5,"stop_sequences":["x"],"top_k":3,
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true},
    "thinking":{"type":"enabled","budget_tokens":1024},"grammar":"ignored","n":3})");
  EXPECT_EQ(body["stop"].dump(), R"(["x"])");
  EXPECT_EQ(body["tools"].dump(), R"([{"type":"function","function":{"name":"f","description":"d",)"
                                  R"("parameters":{"type":"object"}}}])");
  EXPECT_EQ(body["tool_choice"]["type"], "any");
  EXPECT_EQ(body["parallel_tool_calls"], false);
  EXPECT_EQ(body["reasoning_budget_tokens"], 1024);
  EXPECT_FALSE(body.contains("grammar"));
  EXPECT_FALSE(body.contains("n"));
  EXPECT_EQ(body_of(R"({"messages":[],"thinking":{"type":"disabled"}})")["enable_thinking"], false);
}

TEST(AnthropicRequest, TheBillingHeaderKeepsThePromptsBeginning) {
  const auto system = [](const char* cch) {
    const std::string text = std::string(R"({"messages":[],"system":[{"type":"text","text":)") +
                             R"("x-anthropic-billing-header: v=1; cch=)" + cch + R"(; z=2"}]})";
    return body_of(text.c_str())["messages"][0]["content"].get<std::string>();
  };
  EXPECT_EQ(system("a1b2"), system("c3d4e5"));
  EXPECT_TRUE(system("a").ends_with("; z=2"));
}

TEST(AnthropicRequest, WhatIsNotUnderstoodIsRefusedByItsPlace) {
  for (const auto& [text, part] : std::vector<std::pair<const char*, const char*>>{
           {"{}", "'messages' is required"},
           {R"({"messages":[{"role":"user","content":[{"type":"video"}]}]})",
            "messages[0].content[0]"},
           {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
            "messages[0].content[0].text"},
           {R"({"messages":[{"role":"judge","content":"x"}]})", "judge"},
           {R"({"messages":[],"tools":[{"type":"web_search_20250305","name":"w"}]})", "web_search"},
           {R"({"messages":[],"thinking":{"type":"maybe"}})", "maybe"},
           {R"({"messages":[],"system":4})", "system"}}) {
    try {
      body_of(text);
      ADD_FAILURE() << text;
    } catch (const RequestError& error) {
      EXPECT_EQ(error.status, 400);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

struct MessageByHand : test::ReplyStream {
  MessageByHand() : format(world.service->serving(), {"STOP"}, test::scripted_plan(), "req-1") {}
  AnthropicFormat format;
};

TEST(AnthropicStream, BlocksAreClosedBeforeTheNextBegins) {
  MessageByHand stream;
  std::string text;
  for (const char* piece : {"r:think", "c:text", "f:f", "a:{\"a\":", "a:1}", "f:g"}) {
    text += stream.format.chunk(stream.replies[0], stream.chunk(piece));
  }
  text += stream.finish(stream.format, StopType::eos);
  std::string names;
  for (const Json& event : events_of(text)) {
    names += event["type"].get<std::string>();
    if (event.contains("index")) names += event["index"].dump();
    names += ' ';
  }
  EXPECT_EQ(names,
            "message_start ping content_block_start0 content_block_delta0 content_block_delta0 "
            "content_block_stop0 content_block_start1 content_block_delta1 content_block_stop1 "
            "content_block_start2 content_block_delta2 content_block_delta2 content_block_stop2 "
            "content_block_start3 content_block_stop3 message_delta message_stop ");
  const auto events = events_of(text);
  EXPECT_EQ(events[4]["delta"]["type"], "signature_delta");
  EXPECT_EQ(events[9]["content_block"]["input"].dump(), "{}");
  EXPECT_EQ(events[15]["delta"]["stop_reason"], "tool_use");
}

TEST(AnthropicStream, EveryEventIsNamedAsItsType) {
  MessageByHand stream;
  std::string text = stream.format.chunk(stream.replies[0], stream.chunk("c:x"));
  text += stream.finish(stream.format, StopType::limit);
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find("event: ", at)) != text.npos; ++at, ++count) {
    const std::string name = text.substr(at + 7, text.find('\n', at) - at - 7);
    EXPECT_NE(text.find("data: {\"type\":\"" + name + "\"", at), text.npos);
  }
  EXPECT_EQ(count, events_of(text).size());
}

TEST(AnthropicReply, StopReasons) {
  const auto reply = [](StopType stop, const std::string& word, const char* script) {
    MessageByHand stream;
    stream.replies[0].add({.token = test::letter('a'), .text = script});
    stream.replies[0].finish({.stop = stop, .stopping_word = word});
    return Json::parse(stream.format.whole(stream.replies));
  };
  EXPECT_EQ(reply(StopType::eos, "", "c:x")["stop_reason"], "end_turn");
  EXPECT_EQ(reply(StopType::limit, "", "c:x")["stop_reason"], "max_tokens");
  EXPECT_EQ(reply(StopType::word, "STOP", "c:x")["stop_reason"], "stop_sequence");
  EXPECT_EQ(reply(StopType::word, "STOP", "c:x")["stop_sequence"], "STOP");
  EXPECT_EQ(reply(StopType::word, "<of the format>", "c:x")["stop_reason"], "end_turn");
  EXPECT_EQ(reply(StopType::eos, "", "f:f")["stop_reason"], "tool_use");
  EXPECT_EQ(reply(StopType::limit, "", "f:f")["content"][0]["input"].dump(), "{}");
  EXPECT_EQ(reply(StopType::eos, "", "c:")["content"].dump(), "[]");
}

TEST(AnthropicError, HasAnthropicsShape) {
  const auto response = anthropic_error_response(ContextError(90, 64), "req-1");
  EXPECT_EQ(response.status, 400);
  const Json body = Json::parse(response.body);
  EXPECT_EQ(body["type"], "error");
  EXPECT_EQ(body["error"]["type"], "invalid_request_error");
  EXPECT_EQ(body["error"]["n_ctx"], 64);
  EXPECT_EQ(body["request_id"], "req-1");
  EXPECT_EQ(
      Json::parse(
          anthropic_error_response(RequestError(503, "x", "y"), "req-1").body)["error"]["type"],
      "overloaded_error");
}

}  // namespace
}  // namespace llm::server
