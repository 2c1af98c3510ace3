// Which format a template's replies have.
#include <gtest/gtest.h>

#include <map>

#include "base/json.h"
#include "chat/formats/derive.h"
#include "chat/formats/layout_format.h"
#include "chat/reply_helpers.h"

namespace llm::test {
namespace {

using chat::Template;

TEST(ReplyDetection, KnownTemplatesHaveKnownFormats) {
  LLM_NEED_SHARED("templates/Qwen3-Coder.jinja");
  const std::map<std::string, std::string> expected = {
      {"Qwen-Qwen2.5-7B-Instruct", "hermes"},
      {"Qwen3-Coder", "qwen3-coder"},
      {"Qwen3.5-4B", "qwen3-coder"},
      {"meta-llama-Llama-3.2-3B-Instruct", "llama3"},
      {"mistralai-Mistral-Nemo-Instruct-2407", "mistral-nemo"},
      {"Mistral-Small-3.2-24B-Instruct-2506", "mistral-small-3.2"},
      {"mistralai-Ministral-3-14B-Reasoning-2512", "ministral-3"},
      {"openai-gpt-oss-120b", "gpt-oss"},
      {"deepseek-ai-DeepSeek-V3.1", "deepseek-v3.1"},
      {"deepseek-ai-DeepSeek-V3.2", "deepseek-v3.2"},
      {"deepseek-ai-DeepSeek-V4", "deepseek-v4"},
      {"GLM-4.6", "glm-4.6"},
      {"GLM-4.7-Flash", "glm-4.7"},
      {"poolside-Laguna-XS-2.1", "laguna"},
      {"tencent-Hy3", "hunyuan-hy3"},
      {"google-gemma-2-2b-it", "generic"},
      {"HuggingFaceTB-SmolLM3-3B", "generic"},
  };
  for (const auto& [name, format] : expected) {
    const auto chat_template =
        Template::compile(read_text_file(shared_dir() / "templates" / (name + ".jinja")));
    EXPECT_EQ(chat::detect_format(*chat_template).format->name(), format) << name;
  }
}

TEST(ReplyDetection, TemplatesWithoutToolsGetThemExplained) {
  const auto chat_template = Template::compile(
      "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}");
  const chat::DetectedFormat found = chat::detect_format(*chat_template);
  EXPECT_EQ(found.format->name(), "generic");
  const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "f"}}])");
  EXPECT_NE(found.format->tool_instructions(tools).find("\"f\""), std::string::npos);
  EXPECT_EQ(found.format->tool_instructions(Json()), "");
  EXPECT_FALSE(found.format->thinking("").start.size());
}

/// Templates of families that do not exist: an assistant's turn and how it writes its calls.
std::string template_with(const std::string& calls) {
  return "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
         "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}"
         "{% if m.tool_calls %}" +
         calls + "{% endif %}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n" +
         "{% endif %}";
}

struct Invented {
  const char* calls;  // how the template writes them
  const char* reply;  // with a call of f({"a": "x"}) and one of g({})
};

constexpr Invented kInvented[] = {
    {"{% for c in m.tool_calls %}<<call>>{{ {'fn': c.function.name, 'args': c.function.arguments} "
     "| tojson }}<</call>>{% endfor %}",
     "<<call>>{\"fn\": \"f\", \"args\": {\"a\": \"x\"}}<</call>>\n"
     "<<call>>{\"fn\": \"g\", \"args\": {}}<</call>>"},
    {"<|acts|>[{% for c in m.tool_calls %}{{ {'id': c.id, 'tool': c.function.name, 'input': "
     "c.function.arguments} | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}]<|/acts|>",
     "<|acts|>[{\"id\": \"1\", \"tool\": \"f\", \"input\": {\"a\": \"x\"}}, "
     "{\"tool\": \"g\", \"input\": {}}]<|/acts|>"},
    {"<|acts|>{% for c in m.tool_calls %}<|act|>{{ c.function.name }}<|with|>"
     "{{ c.function.arguments | tojson }}<|/act|>{% endfor %}<|/acts|>",
     "<|acts|><|act|>f<|with|>{\"a\": \"x\"}<|/act|><|act|>g<|with|>{}<|/act|><|/acts|>"},
    {"{% for c in m.tool_calls %}<do>{{ c.function.name }}\n{% for k, v in "
     "c.function.arguments.items() %}<k>{{ k }}</k>\n<v>{{ v }}</v>\n{% endfor %}</do>\n"
     "{% endfor %}",
     "<do>f\n<k>a</k>\n<v>x</v>\n</do>\n<do>g\n</do>"},
    {"<acts>\n{% for c in m.tool_calls %}<act name=\"{{ c.function.name }}\">\n{% for k, v in "
     "c.function.arguments.items() %}<arg name=\"{{ k }}\">{{ v }}</arg>\n{% endfor %}</act>\n"
     "{% endfor %}</acts>",
     "<acts><act name=\"f\"><arg name=\"a\">x</arg></act><act name=\"g\"></act></acts>"},
};

TEST(ReplyDetection, UnknownTemplatesAreUnderstoodFromWhatTheyRender) {
  const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "f", "parameters":
      {"type": "object", "properties": {"a": {"type": "string"}}}}}])");
  for (const Invented& one : kInvented) {
    const auto chat_template = Template::compile(template_with(one.calls));
    const chat::DetectedFormat found = chat::detect_format(*chat_template);
    ASSERT_EQ(found.format->name(), "derived") << one.calls;
    chat::ReplySettings settings;
    settings.tools = tools;
    const Collected got =
        read_reply(*found.format, settings, one.reply, each_byte(one.reply), true);
    EXPECT_EQ(got.whole.content, "") << one.reply;
    ASSERT_EQ(got.whole.calls.size(), 2U) << one.reply;
    EXPECT_EQ(got.whole.calls[0].name, "f");
    EXPECT_EQ(Json::parse(got.whole.calls[0].arguments).dump(), R"({"a":"x"})");
    EXPECT_EQ(got.whole.calls[1].name, "g");
    EXPECT_EQ(got.whole.calls[1].arguments, "{}");
  }
}

/// Probing alone, without the table, understands most known templates as well.
TEST(ReplyDetection, ProbingAgreesWithTheTable) {
  LLM_NEED_SHARED("templates/Qwen3-Coder.jinja");
  int derived = 0, with_calls = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared_dir() / "templates")) {
    if (entry.path().extension() != ".jinja") continue;
    const auto chat_template = Template::compile(read_text_file(entry.path()));
    if (!chat_template->caps().supports_tool_calls) continue;
    ++with_calls;
    const auto layout = chat::derive_layout(*chat_template);
    if (layout) ++derived;
    RecordProperty(entry.path().stem(), layout ? layout->triggers.size() : 0);
    if (std::getenv("LLAMA_SHOW")) {
      std::printf("%-50s %d", entry.path().stem().c_str(), layout.has_value());
      if (layout)
        std::printf(
            " %d [%s] [%s] [%s] [%s]", static_cast<int>(layout->calls[0].syntax),
            layout->calls[0].section_open.empty() ? "" : layout->calls[0].section_open[0].c_str(),
            layout->calls[0].call_open.c_str(), layout->calls[0].call_close.c_str(),
            layout->calls[0].section_close.c_str());
      std::printf("\n");
    }
  }
  EXPECT_GE(derived, with_calls / 2) << "of " << with_calls;
}

}  // namespace
}  // namespace llm::test
