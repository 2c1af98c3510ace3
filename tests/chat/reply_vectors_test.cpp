// Recorded replies of 45 templates: read whole, byte by byte and in random pieces, with all
// formats found from the templates.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/json.h"
#include "chat/reply_helpers.h"

namespace llm::test {
namespace {

namespace fs = std::filesystem;
using chat::ReplySettings;

struct Case {
  std::string id, output;
  bool natural = true;
  ReplySettings settings;
  Json expected, checkpoints;
  std::vector<std::string> markers;
  std::shared_ptr<const chat::Format> format;
};

ReplySettings settings_of(const Json& each, const Json& tools) {
  ReplySettings settings;
  const Json request = each.value("request", Json::object());
  if (!tools.empty()) settings.tools = tools;
  const std::string choice = request.value("tool_choice", "auto");
  if (choice == "none") settings.tool_choice = chat::ToolChoice::none;
  if (choice == "required") settings.tool_choice = chat::ToolChoice::required;
  settings.parallel_calls = request.value("parallel_tool_calls", false);
  const std::string reasoning = request.value("reasoning_format", "deepseek");
  if (reasoning == "none") settings.reasoning = chat::ReasoningOutput::inlined;
  if (reasoning == "deepseek-legacy") settings.reasoning = chat::ReasoningOutput::both;
  settings.schema = request.value("json_schema", Json());
  settings.generation_prompt = each["generation_prompt"];
  int ids = 0;
  settings.make_id = [ids]() mutable { return "id" + std::to_string(1000000 + ids++); };
  return settings;
}

std::vector<Case> load_cases() {
  const fs::path dir = shared_dir() / "vectors/toolcalls";
  const Json sets = Json::parse(read_text_file(dir / "tools.json"))["sets"];
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() != ".json" || name == "tools" || name == "formats") continue;
    const Json file = Json::parse(read_text_file(entry.path()));
    const auto chat_template = chat::Template::compile(
        read_text_file(shared_dir() / "templates" / file["template"].get<std::string>()));
    const auto format = chat::detect_format(*chat_template).format;
    for (const Json& each : file["cases"]) {
      Case one{each["id"],
               each["output"],
               each["finish"] == "stop",
               settings_of(each, sets[each["tools"].get<std::string>()]),
               each["expected"],
               each.value("checkpoints", Json::array())};
      one.markers = file["markers"].get<std::vector<std::string>>();
      one.format = format;
      cases.push_back(std::move(one));
    }
  }
  return cases;
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = load_cases();
  return cases;
}

std::string trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(" \t\r\n") + 1 - from));
}

/// Without white space outside strings.
std::string squeezed(std::string_view json) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (in_string && json[i] == '\\') {
      out += json.substr(i++, 2);
      continue;
    }
    if (json[i] == '"') in_string = !in_string;
    if (in_string || trimmed(json.substr(i, 1)).size() == 1) out += json[i];
  }
  return out;
}

/// What is not as expected; empty when all is.
std::string difference(const Json& expected, const chat::Message& got) {
  if (trimmed(got.content) != trimmed(expected["content"].get<std::string>()))
    return "content: " + got.content;
  if (trimmed(got.reasoning) != trimmed(expected["reasoning_content"].get<std::string>()))
    return "reasoning: " + got.reasoning;
  const Json& calls = expected["tool_calls"];
  if (calls.size() != got.calls.size()) return std::to_string(got.calls.size()) + " calls";
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const chat::ToolCall& call = got.calls[i];
    if (call.name != calls[i]["name"]) return "name: " + call.name;
    if (calls[i].contains("id") && call.id != calls[i]["id"]) return "id: " + call.id;
    if (calls[i].contains("arguments")) {
      const Json wanted = Json::parse(calls[i]["arguments"].get<std::string>());
      const Json parsed = Json::parse(call.arguments, nullptr, false);
      if (nlohmann::json(wanted) != nlohmann::json(parsed)) return "arguments: " + call.arguments;
    } else {
      const std::string text = squeezed(call.arguments);
      const std::string most = calls[i]["arguments_prefix_of"];
      const std::string least = calls[i]["arguments_at_least"];
      if (!most.starts_with(text) || !text.starts_with(least))
        return "arguments of a cut-off call: " + call.arguments;
    }
  }
  return {};
}

TEST(ReplyVectors, EveryReplyIsReadAsRecorded) {
  LLM_NEED_SHARED("vectors/toolcalls/tools.json");
  EXPECT_GT(all_cases().size(), 700U);
  for (const Case& one : all_cases()) {
    const Collected read = read_reply(*one.format, one.settings, one.output, {}, one.natural);
    EXPECT_EQ(difference(one.expected, read.whole), "") << one.id << "\n" << one.output;
    EXPECT_EQ(read.problem, "") << one.id;
  }
}

TEST(ReplyVectors, PiecesMakeTheSameMessageAsTheWhole) {
  LLM_NEED_SHARED("vectors/toolcalls/tools.json");
  std::mt19937 random(7);
  for (const Case& one : all_cases()) {
    const Collected whole = read_reply(*one.format, one.settings, one.output, {}, one.natural);
    for (int round = 0; round < 6; ++round) {
      std::vector<std::size_t> cuts = each_byte(one.output);
      if (round > 0)
        std::erase_if(cuts, [&](std::size_t) { return random() % 8 >= 1U + round % 4; });
      const Collected parts = read_reply(*one.format, one.settings, one.output, cuts, one.natural);
      EXPECT_EQ(parts.problem, "") << one.id;
      EXPECT_TRUE(same(parts.sum, whole.whole, false)) << one.id << "\n" << one.output;
    }
  }
}

/// A marker must never be seen in part: nothing given out may end in the beginning of one that is
/// consumed later. What is given out is content for good, so it must be part of the final message.
TEST(ReplyVectors, NothingIsTakenBackAndNoMarkerLeaks) {
  LLM_NEED_SHARED("vectors/toolcalls/tools.json");
  for (const Case& one : all_cases()) {
    const Collected whole = read_reply(*one.format, one.settings, one.output, {}, one.natural);
    const auto parser = one.format->parser(one.settings);
    for (std::size_t i = 0; i < one.output.size(); ++i) {
      parser->feed(std::string_view(one.output).substr(i, 1));
      const chat::Message& now = parser->message();
      EXPECT_TRUE(whole.whole.content.starts_with(now.content)) << one.id << "\n" << now.content;
      EXPECT_TRUE(whole.whole.reasoning.starts_with(now.reasoning)) << one.id;
      ASSERT_LE(now.calls.size(), whole.whole.calls.size()) << one.id;
      for (std::size_t k = 0; k < now.calls.size(); ++k)
        EXPECT_TRUE(whole.whole.calls[k].arguments.starts_with(now.calls[k].arguments)) << one.id;
    }
  }
}

TEST(ReplyVectors, CheckpointsAreNotOvertaken) {
  LLM_NEED_SHARED("vectors/toolcalls/tools.json");
  int checked = 0;
  for (const Case& one : all_cases()) {
    const auto parser = one.format->parser(one.settings);
    std::size_t fed = 0;
    for (const Json& point : one.checkpoints) {
      const std::size_t bytes = point["bytes"];
      parser->feed(std::string_view(one.output).substr(fed, bytes - fed));
      fed = bytes;
      const chat::Message& now = parser->message();
      const std::string content = trimmed(point["content"].get<std::string>());
      const std::string reasoning = trimmed(point["reasoning_content"].get<std::string>());
      EXPECT_TRUE(content.starts_with(trimmed(now.content))) << one.id << "\n" << now.content;
      EXPECT_TRUE(reasoning.starts_with(trimmed(now.reasoning))) << one.id;
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

/// Arguments that are passed through come out at once: not later than the longest marker, or an
/// escape of two halves, behind the text. Not where the id, which is announced first, is written
/// last.
TEST(ReplyVectors, ArgumentsDoNotLagBehind) {
  LLM_NEED_SHARED("vectors/toolcalls/tools.json");
  int checked = 0;
  for (const Case& one : all_cases()) {
    if (one.id.starts_with("mistral-nemo/") || one.id.find("before-name") != one.id.npos) continue;
    const Collected whole = read_reply(*one.format, one.settings, one.output, {}, one.natural);
    if (whole.whole.calls.size() != 1) continue;
    const std::string& arguments = whole.whole.calls[0].arguments;
    const std::size_t start = one.output.find(arguments);
    if (start == std::string::npos || arguments.size() < 3) continue;
    std::size_t longest = 12;
    for (const std::string& marker : one.format->preserved_tokens())
      longest = std::max(longest, marker.size());
    const auto parser = one.format->parser(one.settings);
    parser->feed(std::string_view(one.output).substr(0, start));
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      parser->feed(std::string_view(arguments).substr(i, 1));
      const chat::Message& now = parser->message();
      const std::size_t given = now.calls.empty() ? 0 : now.calls[0].arguments.size();
      ASSERT_GE(given + longest, i + 1) << one.id;
    }
    ++checked;
  }
  EXPECT_GT(checked, 100);
}

}  // namespace
}  // namespace llm::test
