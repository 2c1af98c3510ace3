#include <gtest/gtest.h>

#include "base/error.h"
#include "server/chat/tool_choice.h"
#include "server/chat/tools_as_text.h"

namespace llm::server {
namespace {

using Choice = chat::ToolChoice;

Json tools() {
  return read_tools(Json::parse(R"({"tools":[{"type":"function","function":{"name":"f"}},
                                             {"type":"function","function":{"name":"g"}}]})"));
}

ToolChoiceField read_choice(const std::string& choice) {
  return read_tool_choice(Json::parse("{\"tool_choice\":" + choice + "}"), tools());
}

TEST(ToolChoice, EverySpellingIsRead) {
  EXPECT_EQ(read_choice("null").mode, Choice::automatic);
  EXPECT_EQ(read_choice("\"auto\"").mode, Choice::automatic);
  EXPECT_EQ(read_choice("\"none\"").mode, Choice::none);
  EXPECT_EQ(read_choice("\"required\"").mode, Choice::required);
  EXPECT_EQ(read_choice(R"({"type":"any"})").mode, Choice::required);
  EXPECT_EQ(read_choice(R"({"type":"none"})").mode, Choice::none);
  for (const char* named : {R"({"type":"function","function":{"name":"g"}})",
                            R"({"type":"function","name":"g"})", R"({"type":"tool","name":"g"})"}) {
    EXPECT_EQ(read_choice(named).mode, Choice::required) << named;
    EXPECT_EQ(read_choice(named).name, "g") << named;
  }
  const auto allowed = read_choice(R"({"type":"allowed_tools","allowed_tools":{"mode":"required",
                                "tools":[{"type":"function","function":{"name":"f"}}]}})");
  EXPECT_EQ(allowed.mode, Choice::required);
  EXPECT_EQ(allowed.allowed.dump(), R"(["f"])");
}

TEST(ToolChoice, WhatCannotBeKeptIsRefused) {
  for (const char* bad :
       {"3", "\"sometimes\"", R"({"type":"function"})", R"({"type":"tool","name":"h"})",
        R"({"type":"web_search"})", R"({"type":"allowed_tools","tools":[{"name":"h"}]})"}) {
    EXPECT_THROW(read_choice(bad), RequestError) << bad;
  }
  EXPECT_THROW(read_tool_choice(Json::parse(R"({"tool_choice":"required"})"), Json()),
               RequestError);
}

TEST(ToolChoice, StrictToolsAreSeen) {
  EXPECT_FALSE(wants_strict_tools(Json::parse(R"({"tools":[{"function":{"name":"f"}}]})")));
  EXPECT_TRUE(
      wants_strict_tools(Json::parse(R"({"tools":[{"function":{"name":"f","strict":true}}]})")));
  EXPECT_FALSE(wants_strict_tools(Json::parse(R"({"tools":[3,{"function":4}]})")));
}

TEST(ToolsAsText, ExplainsToolsAndWritesTheHistoryOut) {
  const Json body = Json::parse(R"({"tools":[1],"messages":[
      {"role":"system","content":"Be kind."},
      {"role":"user","content":"Weather?"},
      {"role":"assistant","content":"Look:","tool_calls":[
        {"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
        {"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"1","content":"sun"},
      {"role":"tool","tool_call_id":"2","content":[{"type":"text","text":"rain"}]},
      {"role":"user","content":"And?"}]})");
  const Json out = with_tools_as_text(body, "TOOLS");
  EXPECT_FALSE(out.contains("tools"));
  const Json& messages = out["messages"];
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0]["content"], "Be kind.\n\nTOOLS");
  EXPECT_EQ(messages[2]["content"],
            "Look:\n<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":1}}\n</tool_call>\n"
            "<tool_call>\n{\"name\":\"g\",\"arguments\":{}}\n</tool_call>");
  EXPECT_FALSE(messages[2].contains("tool_calls"));
  EXPECT_EQ(messages[3]["role"], "user");
  EXPECT_EQ(
      messages[3]["content"],
      "<tool_response>\nsun\n</tool_response>\n<tool_response>\nrain\n</tool_response>\nAnd?");
}

TEST(ToolsAsText, ASystemMessageIsMadeAndWhatIsMalformedStays) {
  const Json out = with_tools_as_text(Json::parse(R"({"messages":[5,{"role":"assistant",
      "tool_calls":[7]}]})"),
                                      "TOOLS");
  EXPECT_EQ(out["messages"][0].dump(), R"({"role":"system","content":"TOOLS"})");
  EXPECT_EQ(out["messages"][1], 5);
  EXPECT_TRUE(out["messages"][2].contains("tool_calls"));
}

}  // namespace
}  // namespace llm::server
