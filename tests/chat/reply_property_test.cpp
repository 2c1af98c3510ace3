// Whatever a model writes: pieces make the same message as the whole, nothing is taken back, calls
// of a reply that ended by itself have arguments that are JSON, and time grows with the length.
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "base/json.h"
#include "chat/reply_helpers.h"

namespace llm::test {
namespace {

using chat::ReplySettings;

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> all = {
        "<think>\na\n</think>\n\nb\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, "
        "\"x\\n\\u00e9\"]}}\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n</function>\n</tool_call>",
        "{\"name\": \"f\", \"parameters\": {\"a\": 1.5e3}}; {\"name\": \"f\", \"parameters\": {}}",
        "[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{\"a\": true}",
        "<|tool_call_start|>[f(a='x', b=[1, {'c': None}]), f()]<|tool_call_end|>",
        "<|tool_call>call:f{a:<|\"|>x<|\"|>,b:[1,{c:null}]}<tool_call|>",
        "all\nhello>>>f\n{\"a\": 1}>>>all\nbye"};
    const auto dir = shared_dir() / "vectors/toolcalls";
    if (!std::filesystem::exists(dir)) return all;
    for (const auto& entry : std::filesystem::directory_iterator(dir)) {
      const Json file = Json::parse(read_text_file(entry.path()), nullptr, false);
      if (!file.is_object() || !file.contains("cases")) continue;
      for (const Json& each : file["cases"]) all.push_back(each["output"]);
    }
    return all;
  }();
  return texts;
}

std::string mutated(std::string text, std::mt19937& random) {
  const auto pick = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t n = 1 + pick(3); n > 0; --n) {
    const std::size_t at = pick(text.size() + 1);
    const std::size_t length = std::min(pick(12), text.size() - at);
    switch (random() % 5) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(pick(text.size()), text.substr(at, length));
        break;
      case 2:
        text.insert(at, 1, "{}[]<>\"',:\\/ \n\xC3("[random() % 16]);
        break;
      case 3: {
        const std::string& other = seeds()[pick(seeds().size())];
        const std::size_t from = pick(other.size());
        text.insert(at, other.substr(from, pick(40)));
        break;
      }
      default:
        text.resize(at);
    }
  }
  return text;
}

std::vector<std::size_t> random_cuts(std::string_view text, std::mt19937& random) {
  std::vector<std::size_t> cuts = each_byte(text);
  const unsigned keeps = 1 + random() % 8;
  std::erase_if(cuts, [&](std::size_t) { return random() % 8 >= keeps; });
  return cuts;
}

ReplySettings settings_for(std::mt19937& random) {
  ReplySettings settings;
  settings.tools = Json::parse(R"([{"type": "function", "function": {"name": "f", "parameters":
      {"properties": {"a": {"type": "string"}, "b": {"type": "array"}, "d": {"type": "integer"}}}}},
      {"type": "function", "function": {"name": "get_weather", "parameters":
      {"properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}])");
  constexpr const char* kPrompts[] = {"", "<think>\n", ">>>", "<|start|>assistant", "</think>"};
  settings.generation_prompt = kPrompts[random() % 5];
  settings.reasoning = static_cast<chat::ReasoningOutput>(random() % 3);
  if (random() % 4 == 0) settings.schema = Json::object();
  settings.make_id = [] { return std::string("made"); };
  return settings;
}

void check(const chat::Format& format, const std::string& text, std::mt19937& random) {
  const ReplySettings settings = settings_for(random);
  const bool natural = random() % 2 == 0;
  const Collected whole = read_reply(format, settings, text, {}, natural);
  ASSERT_EQ(whole.problem, "") << format.name() << "\n" << text;
  for (const auto& cuts : {each_byte(text), random_cuts(text, random)}) {
    const Collected parts = read_reply(format, settings, text, cuts, natural);
    ASSERT_EQ(parts.problem, "") << format.name() << "\n" << text;
    ASSERT_TRUE(same(parts.whole, whole.whole, false))
        << format.name() << " " << natural << "\n"
        << text << "\nwhole: " << whole.whole.content << "\nparts: " << parts.whole.content;
  }
  for (const chat::ToolCall& call : whole.whole.calls) {
    ASSERT_FALSE(call.name.empty()) << format.name() << "\n" << text;
    if (!natural) continue;
    const Json parsed = Json::parse(call.arguments, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << format.name() << "\n" << text << "\n" << call.arguments;
  }
}

TEST(ReplyProperties, MutatedRepliesKeepTheRulesOfStreaming) {
  std::mt19937 random(11);
  for (const std::string& name : chat::format_names()) {
    const auto format = chat::find_format(name);
    for (int i = 0; i < 250; ++i) {
      const std::string& seed = seeds()[random() % seeds().size()];
      check(*format, mutated(seed, random), random);
      if (HasFatalFailure()) return;
    }
  }
}

/// Of this process, so that others do not count.
double seconds_for(const chat::Format& format, const std::string& text, std::size_t piece) {
  std::mt19937 random(1);
  const auto parser = format.parser(settings_for(random));
  const std::clock_t start = std::clock();
  for (std::size_t at = 0; at < text.size(); at += piece)
    parser->feed(std::string_view(text).substr(at, piece));
  parser->finish(true);
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::string repeated(std::string_view text, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) all += text;
  return all;
}

/// Texts that would make a parser slow that looks at held text again and again.
TEST(ReplyProperties, BrokenNumbersAreCompletedToJson) {
  const auto format = chat::find_format("hermes");
  for (const char* value :
       {"2/", "2.", "2.5x", "-", "-x", "1e", "1e+", "1e5e", "0", "01", "trux"}) {
    chat::ReplySettings settings;
    settings.tools = Json::parse(R"([{"type": "function", "function": {"name": "f"}}])");
    const auto parser = format->parser(settings);
    parser->feed(std::string("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": ") + value +
                 ", \"b\": 1}}</tool_call>");
    parser->finish(/*natural=*/true);
    for (const chat::ToolCall& call : parser->message().calls) {
      EXPECT_TRUE(Json::accept(call.arguments)) << value << ": " << call.arguments;
    }
  }
}

TEST(ReplyProperties, TimeGrowsWithTheLength) {
  constexpr std::string_view kUnits[] = {"<",
                                         "<tool_call>",
                                         "<tool_call>{",
                                         " \n",
                                         "\"",
                                         "{\"a\":",
                                         "[TOOL_CALLS]",
                                         "```",
                                         "\\",
                                         "]<]minimax[>[<a>",
                                         "</parameter>  ",
                                         "<|channel|>",
                                         ">>>a",
                                         "1",
                                         ","};
  struct Start {
    const char* format;
    const char* text;
  };
  constexpr Start kStarts[] = {
      {"hermes", ""},
      {"hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \""},
      {"hermes", "<tool_call>{\"arguments\": {\"a\": \""},
      {"qwen3-coder", "<tool_call><function=f><parameter=a>\n"},
      {"qwen3-coder", "<tool_call><function=f><parameter=d>\n"},
      {"llama3", ""},
      {"ministral-3", ""},
      {"gemma-4", "<|tool_call>call:f{a:"},
      {"gpt-oss", ""},
      {"functionary-3.2", ">>>"},
      {"minimax-m3", "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"f\">"},
      {"lfm2", "<|tool_call_start|>[f(a="}};
  constexpr std::size_t kBytes = 40'000;
  for (const Start& start : kStarts) {
    const auto format = chat::find_format(start.format);
    for (const std::string_view unit : kUnits) {
      const std::string text = start.text + repeated(unit, kBytes);
      // Quadratic work would be 10^9 steps.
      EXPECT_LT(seconds_for(*format, text, 3), 0.5) << start.format << " " << start.text << unit;
    }
  }
}

}  // namespace
}  // namespace llm::test
