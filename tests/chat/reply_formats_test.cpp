// Replies of every known format, and what models write beside it.
#include <gtest/gtest.h>

#include "base/json.h"
#include "chat/reply_helpers.h"

namespace llm::test {
namespace {

using chat::ReplySettings;

Json offered(const char* name, Json properties) {
  return {{"type", "function"},
          {"function",
           {{"name", name},
            {"description", ""},
            {"parameters", {{"type", "object"}, {"properties", std::move(properties)}}}}}};
}

ReplySettings with_tools(std::string prompt = "") {
  ReplySettings settings;
  settings.tools = Json::array(
      {offered("get_weather", {{"city", {{"type", "string"}}},
                               {"days", {{"type", "integer"}}},
                               {"tags", {{"type", "array"}, {"items", {{"type", "string"}}}}},
                               {"where", {{"type", "object"}}}}),
       offered("ping", Json::object())});
  settings.generation_prompt = std::move(prompt);
  settings.make_id = [] { return std::string("made"); };
  return settings;
}

/// The message as one text: reasoning, content, calls; the same for every division into pieces.
std::string read(const char* format_name, std::string_view text,
                 const ReplySettings& settings = with_tools(), bool natural = true) {
  const auto format = chat::find_format(format_name);
  if (!format) return "no such format";
  const Collected whole = read_reply(*format, settings, text, {}, natural);
  const Collected parts = read_reply(*format, settings, text, each_byte(text), natural);
  EXPECT_EQ(whole.problem, "") << text;
  EXPECT_EQ(parts.problem, "") << text;
  EXPECT_TRUE(same(whole.whole, parts.whole, true)) << text;
  const chat::Message& message = whole.whole;
  std::string out = message.reasoning.empty() ? "" : "(" + message.reasoning + ")";
  out += message.content;
  for (const chat::ToolCall& call : message.calls) {
    out += " " + call.name + call.arguments;
    if (call.id != "made" && call.id.size() != 9) out += "#" + call.id;
  }
  return out;
}

std::string cut(const char* format, std::string_view text,
                const ReplySettings& settings = with_tools()) {
  return read(format, text, settings, false);
}

TEST(ReplyFormats, AreFoundByName) {
  for (const std::string& name : chat::format_names()) {
    const auto format = chat::find_format(name);
    ASSERT_TRUE(format) << name;
    EXPECT_EQ(format->name(), name);
    const bool begins_inside = name == "apriel-1.6";
    EXPECT_EQ(read(name.c_str(), "Hello"), begins_inside ? "(Hello)" : "Hello") << name;
  }
  EXPECT_EQ(chat::find_format("none such"), nullptr);
}

TEST(ReplyFormats, CallsOfFormatsWithoutRecordedReplies) {
  EXPECT_EQ(read("solar-open",
                 "<|think|>plan<|end|><|tool_calls|><|tool_call:begin|>abc123<|tool_call:name|>"
                 "ping<|tool_call:args|>{}<|tool_call:end|><|calls|>"),
            "(plan) ping{}#abc123");
  EXPECT_EQ(read("solar-open", "<|think|>a<|end|><|content|>Hello<|end|>"), "(a)Hello");
  EXPECT_EQ(read("minicpm-5",
                 "<function name=\"get_weather\"><param name=\"city\"><![CDATA[a</param>b]]>"
                 "</param><param name=\"days\">3</param></function>"),
            R"( get_weather{"city":"a</param>b","days":3})");
  EXPECT_EQ(read("gigachat-3.1", "Ok.<|function_call|>{\"name\": \"ping\", \"arguments\": {}}"),
            "Ok. ping{}");
  EXPECT_EQ(
      read("command-r", "Action:\n```json\n[{\"tool_name\": \"ping\", \"parameters\": {}}]\n```"),
      " ping{}");
  EXPECT_EQ(
      read("command-r",
           "Action:\n```json\n[{\"tool_name\": \"directly_answer\", \"parameters\": {}}]\n```"),
      "");
  EXPECT_EQ(
      read("apriel-1.5", "<tool_calls>[{\"name\": \"ping\", \"arguments\": {}}]</tool_calls>"),
      " ping{}");
  EXPECT_EQ(read("kimi-k2", "<|tool_call_begin|>functions.ping:3<|tool_call_argument_begin|>{}"),
            " ping{}#functions.ping:3");
}

TEST(ReplyFormats, MembersOfACallComeInAnyOrderAndForm) {
  EXPECT_EQ(read("hermes", R"(<tool_call>{"type": "function", "function": )"
                           R"({"name": "ping", "arguments": {}}}</tool_call>)"),
            " ping{}");
  EXPECT_EQ(read("hermes", R"(<tool_call>{"name": "ping"}</tool_call>)"), " ping{}");
  EXPECT_EQ(read("hermes", R"(<tool_call>{"name": "ping", "arguments": null}</tool_call>)"),
            " ping{}");
  EXPECT_EQ(
      read(
          "hermes",
          R"(<tool_call>{"name": "get_weather", "arguments": "{\"city\": \"Bonn\"}"}</tool_call>)"),
      R"( get_weather{"city": "Bonn"})");
  EXPECT_EQ(read("hermes", R"(<tool_call>{'name': 'get_weather', 'arguments': )"
                           R"({'city': 'B"n', 'days': None, 'tags': [True,]}}</tool_call>)"),
            R"( get_weather{"city": "B\"n", "days": null, "tags": [true]})");
  EXPECT_EQ(read("hermes",
                 "<tool_call>[{\"name\": \"ping\", \"arguments\": {}}, "
                 "{\"name\": \"ping\", \"arguments\": {}}]</tool_call>"),
            " ping{} ping{}");
}

TEST(ReplyFormats, WhatCannotBeReadAsACallIsContent) {
  for (const char* text :
       {"<tool_call>{\"arguments\": {}}</tool_call>", "<tool_call>{}</tool_call>",
        "<tool_call>nothing</tool_call>", "<tool_call></tool_call>", "<tool_call>",
        "<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"ping\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"ping\""})
    EXPECT_EQ(read("hermes", text), text);
  EXPECT_EQ(read("qwen3-coder", "Use <tool_call> or <function= here"),
            "Use <tool_call> or <function= here");
  EXPECT_EQ(read("llama3", R"({"name": "Bob", "age": 3})"), R"({"name": "Bob", "age": 3})");
  EXPECT_EQ(read("llama3", R"({"name": "Bob"})"), R"({"name": "Bob"})");
  EXPECT_EQ(read("mistral-nemo", "[TOOL_CALLS]"), "[TOOL_CALLS]");
  EXPECT_EQ(read("lfm2", "<|tool_call_start|>[nothing]"), "<|tool_call_start|>[nothing]");
}

TEST(ReplyFormats, BrokenArgumentsAreCompletedAndTheRestIsContent) {
  EXPECT_EQ(read("hermes", R"(<tool_call>{"name": "get_weather", "arguments": {"city": Paris}})"),
            R"(Paris}} get_weather{"city": null})");
  EXPECT_EQ(read("hermes", R"(<tool_call>{"name": "get_weather", "arguments": {"city": "Par)"),
            R"( get_weather{"city": "Par"})");
  EXPECT_EQ(cut("hermes", R"(<tool_call>{"name": "get_weather", "arguments": {"city": "Par)"),
            R"( get_weather{"city": "Par)");
  EXPECT_EQ(read("qwen3-coder", "<tool_call><function=get_weather><parameter=city>\nPar"),
            R"( get_weather{"city":"Par"})");
  EXPECT_EQ(cut("qwen3-coder", "<tool_call><function=get_weather><parameter=city>\nPar"),
            R"( get_weather{"city":"Par)");
  EXPECT_EQ(read("lfm2", "<|tool_call_start|>[get_weather(city='Par"),
            R"( get_weather{"city":"Par"})");
  EXPECT_EQ(read("gemma-4", "<|tool_call>call:get_weather{city:<|\"|>Par"),
            R"( get_weather{"city":"Par"})");
}

TEST(ReplyFormats, ParametersBetweenTagsBecomeJsonBySchema) {
  const auto call = [](const char* key, std::string_view value) {
    const std::string text = "<tool_call><function=get_weather><parameter=" + std::string(key) +
                             ">\n" + std::string(value) + "\n</parameter></function></tool_call>";
    return read("qwen3-coder", text).substr(13 + std::string_view(key).size() + 3);
  };
  EXPECT_EQ(call("city", "7"), "\"7\"}");
  EXPECT_EQ(call("days", "7"), "7}");
  EXPECT_EQ(call("days", "seven"), "\"seven\"}");
  EXPECT_EQ(call("days", "007"), "\"007\"}");
  EXPECT_EQ(call("tags", "['a', \"b\"]"), "[\"a\", \"b\"]}");
  EXPECT_EQ(call("tags", "[a, b]"), "\"[a, b]\"}");
  EXPECT_EQ(call("tags", "[\"</parameter></function>\"]"), "[\"</parameter></function>\"]}");
  EXPECT_EQ(call("where", "{'x': None}"), "{\"x\": null}}");
  EXPECT_EQ(call("city", "a\n</parameter>\nb"), "\"a\\n</parameter>\\nb\"}");
  EXPECT_EQ(call("other", "true"), "true}");
  EXPECT_EQ(call("other", "tru"), "\"tru\"}");
}

TEST(ReplyFormats, PythonCallsHaveEveryKindOfArgument) {
  const auto call = [](std::string_view arguments) {
    return read("lfm2", "<|tool_call_start|>[get_weather(" + std::string(arguments) +
                            ")]<|tool_call_end|>");
  };
  EXPECT_EQ(call("city='a\\'b\\n\\x41', days=-1.5e3"),
            R"( get_weather{"city":"a'b\n\u0041","days":-1.5e3})");
  EXPECT_EQ(call("city = \"a\", tags = ('x', 'y',), "),
            R"( get_weather{"city":"a","tags":["x", "y"]})");
  EXPECT_EQ(call("\"Bonn\", 3"), R"( get_weather{"city":"Bonn","days":3})");
  EXPECT_EQ(read("lfm2", "<|tool_call_start|>ping()<|tool_call_end|>done"), "done ping{}");
}

TEST(ReplyFormats, LlamaWritesCodeBehindItsTag) {
  EXPECT_EQ(read("llama3", "<|python_tag|>brave_search.call(query=\"cats\")"),
            R"( brave_search{"query":"cats"})");
  EXPECT_EQ(read("llama3", "<|python_tag|>print(\"x\")\n"),
            R"x( python{"code":"print(\"x\")\n"})x");
  EXPECT_EQ(read("llama3", "<|python_tag|>{\"name\": \"ping\", \"parameters\": {}}"), " ping{}");
  EXPECT_EQ(read("functionary-3.2", "python\nprint(1)>>>all\nok", with_tools(">>>")),
            R"x(ok python{"code":"print(1)"})x");
}

TEST(ReplyFormats, HarmonyToleratesStrayHeaders) {
  const ReplySettings settings = with_tools("<|start|>assistant");
  EXPECT_EQ(read("gpt-oss",
                 "<|channel|>commentary<|channel|>analysis<|message|>a<|end|>"
                 "<|start|>assistant<|channel|>final<|message|>b",
                 settings),
            "(a)b");
  EXPECT_EQ(
      read("gpt-oss", "<|channel|>commentary to=assistant<|channel|>final<|message|>b", settings),
      "b");
  EXPECT_EQ(read("gpt-oss", " to=functions.ping<|channel|>analysis<|message|>{}<|call|>", settings),
            " ping{}");
  EXPECT_EQ(read("gpt-oss", "Hello", settings), "Hello");
  EXPECT_EQ(read("gpt-oss", "world", with_tools("<|start|>assistant<|channel|>final<|message|>He")),
            "world");
  EXPECT_EQ(read("gpt-oss",
                 "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>"
                 "analysis<|message|>b<|end|>",
                 settings),
            "(ab)");
}

TEST(ReplyFormats, ReasoningFollowsThePromptsEnd) {
  EXPECT_EQ(read("hermes", "a</think>b", with_tools("<think>\n")), "(a)b");
  EXPECT_EQ(read("hermes", "b", with_tools("<think>\n\n</think>\n\n")), "b");
  EXPECT_EQ(read("hermes", " more</think>b", with_tools("<think>\nso far")), "( more)b");
  EXPECT_EQ(read("hermes", " more", with_tools("<think>\nx</think>\n\nso far")), " more");
  EXPECT_EQ(read("hermes", "</think>b"), "b");
  EXPECT_EQ(read("hermes", "<think> \n </think>b"), "b");
  EXPECT_EQ(read("hermes", "Use <think> tags"), "Use <think> tags");
  EXPECT_EQ(read("gemma-4", "Hi<channel|>"), "Hi");
  EXPECT_EQ(read("qwen3-coder", "<think>I write <tool_call> soon</think>x"),
            "(I write <tool_call> soon)x");
}

TEST(ReplyFormats, WithoutToolsMarkupIsContent) {
  ReplySettings settings = with_tools();
  settings.tool_choice = chat::ToolChoice::none;
  for (const char* text :
       {"<tool_call>\n<function=ping>\n</function>\n</tool_call>", "<|python_tag|>print(1)"}) {
    EXPECT_EQ(read("qwen3-coder", text, settings), text);
    EXPECT_EQ(read("llama3", text, settings), text);
  }
  EXPECT_EQ(read("qwen3-coder", "<think>a</think>b", settings), "(a)b");
}

TEST(ReplyFormats, AnyBytesBecomeValidText) {
  const std::string_view bytes = "a\xFF\xC3(\xE2\x82\xED\xA0\x80z\xF0\x9F\x98";
  const std::string once = read("hermes", bytes);
  EXPECT_NO_THROW(Json(once).dump()) << once;
  EXPECT_TRUE(once.starts_with("a\xEF\xBF\xBD"));
  EXPECT_EQ(cut("hermes", "a\xE2\x82"), "a");
  const std::string call = "<tool_call>{\"name\": \"ping\", \"arguments\": {\"x\": \"" +
                           std::string(bytes) + "\"}}</tool_call>";
  EXPECT_NO_THROW(Json(read("hermes", call)).dump());
}

TEST(ReplyFormats, DepthIsBounded) {
  const std::string deep(100'000, '[');
  const std::string call = "<tool_call>{\"name\": \"ping\", \"arguments\": {\"x\": " + deep;
  const auto format = chat::find_format("hermes");
  const Collected got = read_reply(*format, with_tools(), call, {}, true);
  ASSERT_EQ(got.whole.calls.size(), 1U);
  EXPECT_TRUE(Json::accept(got.whole.calls[0].arguments));
  std::string nested = "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"ping\">";
  for (int i = 0; i < 2000; ++i) nested += "]<]minimax[>[<a>";
  const Collected more =
      read_reply(*chat::find_format("minimax-m3"), with_tools(), nested, {}, true);
  ASSERT_EQ(more.whole.calls.size(), 1U);
  EXPECT_TRUE(Json::accept(more.whole.calls[0].arguments)) << more.whole.calls[0].arguments;
}

TEST(ReplyFormats, IdsOfMistralHaveNineCharacters) {
  const auto format = chat::find_format("ministral-3");
  ReplySettings settings = with_tools();
  settings.make_id = nullptr;
  const Collected got =
      read_reply(*format, settings, "[TOOL_CALLS]ping[ARGS]{}[TOOL_CALLS]ping[ARGS]{}", {}, true);
  ASSERT_EQ(got.whole.calls.size(), 2U);
  EXPECT_EQ(got.whole.calls[0].id.size(), 9U);
  EXPECT_NE(got.whole.calls[0].id, got.whole.calls[1].id);
}

}  // namespace
}  // namespace llm::test
