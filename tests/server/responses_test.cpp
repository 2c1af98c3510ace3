#include <gtest/gtest.h>

#include "base/error.h"
#include "fakes.h"
#include "scripted_format.h"
#include "server/responses/format.h"
#include "server/responses/request.h"
#include "server/responses/store.h"

namespace llm::server {
namespace {

using test::events_of;

Json chat_body_of(const char* text) {
  const Json body = Json::parse(text);
  return chat_body_of_response(body, response_items(body));
}

TEST(ResponsesRequest, ItemsBecomeMessages) {
  const Json body = chat_body_of(R"({"instructions":"Be brief.","max_output_tokens":5,"input":[
    {"role":"user","content":[{"type":"input_text","text":"Hi"}]},
    {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Look"}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"42"}]})");
  EXPECT_EQ(body["messages"].dump(),
            R"([{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":[{"type":"text","text":"Hi"}]},)"
            R"({"role":"assistant","content":"Look","reasoning_content":"hm","tool_calls":[)"
            R"({"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},)"
            R"({"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},)"
            R"({"role":"tool","tool_call_id":"c1","content":"42"}])");
  EXPECT_EQ(body["max_tokens"], 5);
  EXPECT_FALSE(body.contains("input"));
}

TEST(ResponsesRequest, ToolsAndFormatsAreTranslated) {
  const Json body = chat_body_of(R"({"input":"x","reasoning":{"effort":"low"},"top_logprobs":0,
    "tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true},
             {"type":"web_search"}],
    "text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"const":1}}}})");
  EXPECT_EQ(body["tools"].dump(),
            R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"},)"
            R"("strict":true}}])");
  EXPECT_EQ(body["reasoning_effort"], "low");
  EXPECT_EQ(body["response_format"]["json_schema"]["schema"]["const"], 1);
  EXPECT_FALSE(body.contains("top_logprobs"));
}

TEST(ResponsesRequest, TheReferencesRefusals) {
  for (const auto& [text, message] : std::vector<std::pair<const char*, const char*>>{
           {"{}", "'input' is required"},
           {R"({"input":4})", "'input' must be a string or array of objects"},
           {R"({"input":[4]})", "'input' must be a string or array of objects"},
           {R"({"input":[{"type":"mystery"}]})", "Cannot determine type of 'item'"},
           {R"({"input":"x","tools":3})", "'tools' must be an array of objects"},
           {R"({"input":"x","background":true})", "'background' is not supported"},
           {R"({"input":[{"role":"user","content":[{"type":"text","text":"a"}]}]})",
            "'type' must be one of 'input_text', 'input_image', or 'input_file'"}}) {
    try {
      chat_body_of(text);
      ADD_FAILURE() << text;
    } catch (const RequestError& error) {
      EXPECT_EQ(error.status, 400);
      EXPECT_STREQ(error.what(), message);
    }
  }
}

struct ResponseByHand : test::ReplyStream {
  explicit ResponseByHand(bool store = true)
      : format(world.service->serving(), world.service->responses(), {},
               {.body = Json::object(),
                .input = Json::array({{{"role", "user"}, {"content", "Hi"}}}),
                .earlier = Json::array(),
                .store = store},
               test::scripted_plan()) {}
  ResponsesFormat format;
};

TEST(ResponsesStream, EventsComeInOrderAndAreNumbered) {
  ResponseByHand stream;
  std::string text = stream.format.started(stream.replies[0]);
  for (const char* piece : {"r:think", "c:text", "f:f", "a:{}"}) {
    text += stream.format.chunk(stream.replies[0], stream.chunk(piece));
  }
  text += stream.finish(stream.format, StopType::eos);
  const auto events = events_of(text);
  std::string names;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    names += events[i]["type"].get<std::string>().substr(9);
    if (events[i].contains("output_index")) names += events[i]["output_index"].dump();
    names += ' ';
  }
  EXPECT_EQ(names,
            "created in_progress "
            "output_item.added0 content_part.added0 reasoning_text.delta0 reasoning_text.done0 "
            "content_part.done0 output_item.done0 "
            "output_item.added1 content_part.added1 output_text.delta1 output_text.done1 "
            "content_part.done1 output_item.done1 "
            "output_item.added2 function_call_arguments.delta2 function_call_arguments.done2 "
            "output_item.done2 completed ");
  const Json& response = events.back()["response"];
  EXPECT_EQ(response["output"].size(), 3u);
  EXPECT_EQ(response["output"][1]["content"][0]["text"], "text");
  EXPECT_EQ(response["output"][2]["arguments"], "{}");
  EXPECT_EQ(response["usage"]["output_tokens"], 2);

  const auto stored = stream.world.service->responses().find(response["id"]);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->response.dump(), response.dump());
  EXPECT_EQ(stored->conversation.size(), 4u);
}

TEST(ResponsesReply, WhatWasCutOffIsIncomplete) {
  ResponseByHand stream(/*store=*/false);
  stream.replies[0].add({.token = test::letter('a'), .text = "c:x"});
  stream.replies[0].finish({.stop = StopType::limit});
  const Json reply = Json::parse(stream.format.whole(stream.replies));
  EXPECT_EQ(reply["status"], "incomplete");
  EXPECT_EQ(reply["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_FALSE(stream.world.service->responses().find(reply["id"]));
}

TEST(ResponseStore, IsBounded) {
  ResponseStore store;
  for (std::size_t i = 0; i < ResponseStore::kMaxResponses + 5; ++i) {
    store.put(std::to_string(i), {.response = "r"});
  }
  EXPECT_FALSE(store.find("4"));
  EXPECT_TRUE(store.find("5"));
  EXPECT_TRUE(store.erase("5"));
  EXPECT_FALSE(store.erase("5"));
  store.put("large", {.response = std::string(ResponseStore::kMaxBytes - 100, 'x')});
  EXPECT_TRUE(store.find("large"));
  EXPECT_FALSE(store.find("100"));
}

}  // namespace
}  // namespace llm::server
