// Templates as the server uses them.
#include "chat/template.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/error.h"

namespace llm::chat {
namespace {

std::string thrown_by(const std::string& source) {
  try {
    Template::compile(source);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Template, ASourceThatDoesNotParseIsAnErrorWithItsPlace) {
  EXPECT_EQ(thrown_by("ab\n{% if %}"),
            "the chat template does not parse: line 2, column 7: expected an expression, got the "
            "end of the block tag");
}

TEST(Template, ItsExceptionsBecomeBadRequests) {
  const auto raising = Template::compile("{{ raise_exception('roles must alternate') }}");
  try {
    raising->render({});
    FAIL() << "nothing was thrown";
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_STREQ(error.what(), "roles must alternate");
  }
  const auto failing = Template::compile("{{ 'a' + 1 }}");
  try {
    failing->render({});
    FAIL() << "nothing was thrown";
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_STREQ(error.what(),
                 "the chat template fails in line 1, column 8: can only concatenate str (not "
                 "\"int\") to str");
  }
}

TEST(Template, ToolsAreUndefinedWhenNoneAreOffered) {
  const auto t = Template::compile("{{ tools is defined }}{{ add_generation_prompt is defined }}");
  TemplateInput input;
  EXPECT_EQ(t->render(input), "FalseTrue");
  input.tools = Json::array();
  input.add_generation_prompt = false;
  EXPECT_EQ(t->render(input), "TrueFalse");
}

TEST(Template, ExtraVariablesWin) {
  const auto t = Template::compile("{{ bos_token }}{{ x }}");
  TemplateInput input;
  input.bos_token = "<s>";
  input.extra = {{"bos_token", "B"}, {"x", 1.0}};
  EXPECT_EQ(t->render(input), "B1.0");
}

TEST(Template, ManyThreadsMayRenderAtOnce) {
  const auto t = Template::compile(
      "{% set ns = namespace(s='') %}{% for m in messages %}{% set ns.s = ns.s ~ m %}{% endfor %}"
      "{{ ns.s }}");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      TemplateInput input;
      input.messages = Json::array({"a", "b", std::to_string(i)});
      for (int round = 0; round < 200; ++round)
        if (t->render(input) != "ab" + std::to_string(i)) ++wrong[i];
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Template, ProbingTellsStringsFromParts) {
  const auto strings = Template::compile("{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_TRUE(strings->caps().supports_string_content);
  EXPECT_FALSE(strings->caps().supports_typed_content);
  EXPECT_TRUE(strings->caps().supports_system_role);
  EXPECT_FALSE(strings->caps().supports_tools);
  const auto parts = Template::compile(
      "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}");
  EXPECT_FALSE(parts->caps().supports_string_content);
  EXPECT_TRUE(parts->caps().supports_typed_content);
}

TEST(Template, ProbingFindsToolCalls) {
  const auto t = Template::compile(
      "{{ tools | tojson if tools }}{% for m in messages %}{{ m.content }}"
      "{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}"
      "{% endfor %}{% endfor %}");
  EXPECT_TRUE(t->caps().supports_tools);
  EXPECT_TRUE(t->caps().supports_tool_calls);
  EXPECT_TRUE(t->caps().supports_object_arguments);
  EXPECT_TRUE(t->caps().supports_parallel_tool_calls);
  const auto text_only = Template::compile(
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
      "{{ c.function.name + c.function.arguments }}{% endfor %}{% endfor %}");
  EXPECT_TRUE(text_only->caps().supports_tool_calls);
  EXPECT_FALSE(text_only->caps().supports_object_arguments);
}

TEST(Template, ProbingFindsReasoningTags) {
  const auto in_history = Template::compile(
      "{% for m in messages %}[{{ m.role }}]{% if m.reasoning_content %}<think>\n"
      "{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}{% endfor %}"
      "{% if add_generation_prompt %}[assistant]{% endif %}");
  EXPECT_TRUE(in_history->reasoning().supported);
  EXPECT_EQ(in_history->reasoning().start, "<think>\n");
  EXPECT_EQ(in_history->reasoning().end, "\n</think>\n\n");
  const auto by_switch = Template::compile(
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}A:"
      "{% if not enable_thinking %}<t>\n</t>\n{% endif %}{% endif %}");
  EXPECT_EQ(by_switch->reasoning().start, "<t>");
  EXPECT_EQ(by_switch->reasoning().end, "</t>");
  const auto none = Template::compile("{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_FALSE(none->reasoning().supported);
}

TEST(Template, FamiliesAreRecognisedByTheirMarks) {
  EXPECT_EQ(detect_family("x <|channel|> y"), Family::harmony);
  EXPECT_EQ(detect_family("[SYSTEM_PROMPT][TOOL_CALLS][ARGS]"), Family::ministral3);
  EXPECT_EQ(detect_family("[SYSTEM_PROMPT][TOOL_CALLS][ARGS][CALL_ID]"), Family::general);
  EXPECT_EQ(detect_family("<|im_start|>"), Family::general);
}

}  // namespace
}  // namespace llm::chat
