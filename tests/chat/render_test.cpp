// From a request body to the prompt.
#include "chat/render.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace llm::chat {
namespace {

constexpr const char* kThinking =
    "{%- for m in messages %}{{- '<' + m.role + '>' }}"
    "{%- if m.reasoning_content %}{{- '<think>' + m.reasoning_content + '</think>' }}{%- endif %}"
    "{{- m.content + '\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<assistant>' }}"
    "{%- if not enable_thinking %}{{- '<think></think>' }}{%- endif %}{%- endif %}";

class Rendering : public testing::Test {
 protected:
  RenderedChat render(const Json& body) { return render_chat(body, *chat_template, settings); }
  std::string prompt(const Json& body) { return render(body).prompt; }
  /// The error of a request; its status must be 400.
  std::string error(const Json& body) {
    try {
      render(body);
    } catch (const RequestError& thrown) {
      EXPECT_EQ(thrown.status, 400) << body;
      return thrown.what();
    }
    return "no error";
  }

  std::unique_ptr<Template> chat_template = Template::compile(builtin_template("chatml"));
  RenderSettings settings;
};

Json user(Json content) {
  return {{"role", "user"}, {"content", std::move(content)}};
}
Json assistant(Json content) {
  return {{"role", "assistant"}, {"content", std::move(content)}};
}

TEST_F(Rendering, DevelopersAreSystemsAndPartsAreJoined) {
  const Json parts = {{{"type", "text"}, {"text", "one"}}, {{"type", "text"}, {"text", "two"}}};
  EXPECT_EQ(prompt({{"messages", {{{"role", "developer"}, {"content", "D"}}, user(parts)}}}),
            "<|im_start|>system\nD<|im_end|>\n<|im_start|>user\none\ntwo<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST_F(Rendering, NoMessagesAndNullContentsAreFine) {
  EXPECT_EQ(prompt({{"messages", Json::array()}}), "<|im_start|>assistant\n");
  EXPECT_EQ(prompt({{"messages", {user(nullptr)}}, {"add_generation_prompt", false}}),
            "<|im_start|>user\n<|im_end|>\n");
}

TEST_F(Rendering, MediaBecomeMarkersWithoutLineFeedsBesideThem) {
  const Json image = {{"type", "image_url"}, {"image_url", {{"url", "data:x"}}}};
  const Json parts = {{{"type", "text"}, {"text", "a"}},
                      image,
                      {{"type", "text"}, {"text", "b"}},
                      {{"type", "text"}, {"text", "c"}}};
  EXPECT_EQ(error({{"messages", {user(parts)}}}),
            "image input is not supported - hint: if this is unexpected, you may need to provide "
            "the mmproj");
  settings.modalities.image = true;
  settings.media_marker = "<media>";
  const RenderedChat rendered = render({{"messages", {user(parts)}}});
  EXPECT_EQ(rendered.prompt, "<|im_start|>user\na<media>b\nc<|im_end|>\n<|im_start|>assistant\n");
  ASSERT_EQ(rendered.media.size(), 1u);
  EXPECT_EQ(rendered.media[0], image);
}

TEST_F(Rendering, WrongMessagesAreNamed) {
  EXPECT_EQ(error(Json::object()), "'messages' is required");
  EXPECT_EQ(error({{"messages", "hi"}}), "Expected 'messages' to be an array");
  EXPECT_EQ(error({{"messages", {{{"role", "user"}}}}}),
            "All non-assistant messages must contain 'content'");
  EXPECT_EQ(error({{"messages", {{{"role", "assistant"}}}}}),
            "Assistant message must contain either 'content' or 'tool_calls'!");
  EXPECT_EQ(error({{"messages", {user(5)}}}), "Expected 'content' to be a string or an array");
  EXPECT_EQ(error({{"messages", {user({{{"type", "hologram"}}})}}}), "unsupported content[].type");
  EXPECT_EQ(error({{"messages", {{{"content", "hi"}}}}}),
            "Failed to parse messages: Missing 'role' in message: {\"content\":\"hi\"}");
  EXPECT_EQ(error({{"messages", {user({{{"type", "text"}}})}}}),
            "Failed to parse messages: messages[0].content[0].text is missing");
  EXPECT_EQ(error({{"messages", {5}}}),
            "Failed to parse messages: Expected each message to be an object, got 5");
}

TEST_F(Rendering, WrongToolsAreNamed) {
  const Json messages = Json::array({user("x")});
  EXPECT_EQ(error({{"messages", messages}, {"tools", {{"a", 1}}}}),
            "Failed to parse tools: Expected 'tools' to be an array, got {\"a\":1}; tools = {\n"
            "  \"a\": 1\n}");
  EXPECT_EQ(error({{"messages", messages}, {"tools", {{{"type", "search"}}}}}),
            "Failed to parse tools: Unsupported tool type: {\"type\":\"search\"}; tools = [\n  {\n"
            "    \"type\": \"search\"\n  }\n]");
  EXPECT_EQ(error({{"messages", messages}, {"tool_choice", "sometimes"}}),
            "Invalid tool_choice: sometimes");
  EXPECT_EQ(error({{"messages", messages}, {"chat_template_kwargs", {{"enable_thinking", "yes"}}}}),
            "invalid type for \"enable_thinking\" (expected boolean, got string)");
}

TEST_F(Rendering, ATrailingAssistantIsContinued) {
  const Json messages = {user("Hi"), assistant("Once")};
  const RenderedChat rendered = render({{"messages", messages}});
  EXPECT_EQ(rendered.prompt, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nOnce");
  EXPECT_TRUE(rendered.continuation.active);
  EXPECT_FALSE(rendered.continuation.is_explicit);
  EXPECT_EQ(rendered.continuation.content, "Once");
  settings.prefill_assistant = false;
  EXPECT_EQ(prompt({{"messages", messages}}),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nOnce<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST_F(Rendering, ContinuationsThatContradictAreRefused) {
  const Json messages = {user("Hi"), assistant("a")};
  EXPECT_EQ(error({{"messages", messages}, {"continue_final_message", true}}),
            "Cannot set both add_generation_prompt and continue_final_message to true.");
  EXPECT_EQ(error({{"messages", {user("Hi"), assistant("a"), assistant("b")}}}),
            "Cannot have 2 or more assistant messages at the end of the list.");
  EXPECT_NE(error({{"messages", messages},
                   {"continue_final_message", "x"},
                   {"add_generation_prompt", false}}),
            "no error");
  EXPECT_NE(error({{"messages", {user("Hi")}},
                   {"continue_final_message", true},
                   {"add_generation_prompt", false}}),
            "no error");
}

TEST_F(Rendering, ReasoningIsContinuedInsideItsBlock) {
  chat_template = Template::compile(kThinking);
  Json last = assistant("");
  last["reasoning_content"] = "hm";
  EXPECT_EQ(prompt({{"messages", {user("Q"), last}}}), "<user>Q\n<assistant><think>hm");
  last["content"] = "A";
  EXPECT_EQ(prompt({{"messages", {user("Q"), last}}}), "<user>Q\n<assistant><think>hm</think>A");
  EXPECT_EQ(prompt({{"messages", {user("Q"), last}},
                    {"continue_final_message", "reasoning_content"},
                    {"add_generation_prompt", false}}),
            "<user>Q\n<assistant><think>hm");
}

TEST_F(Rendering, ThinkingIsSwitchedByTheMostParticularSource) {
  chat_template = Template::compile(kThinking);
  const Json messages = Json::array({user("Q")});
  const auto thinks = [&](const Json& more) {
    Json body = {{"messages", messages}};
    body.update(more);
    return render(body).generation_prompt == "<assistant>";
  };
  EXPECT_TRUE(thinks(Json::object()));
  EXPECT_FALSE(thinks({{"reasoning_effort", "none"}}));
  EXPECT_FALSE(thinks({{"enable_thinking", false}}));
  EXPECT_FALSE(thinks({{"chat_template_kwargs", {{"enable_thinking", false}}}}));
  settings.enable_thinking = false;
  EXPECT_FALSE(thinks(Json::object()));
  EXPECT_TRUE(thinks({{"chat_template_kwargs", {{"enable_thinking", true}}}}));
  settings.enable_thinking.reset();
  settings.template_kwargs = {{"enable_thinking", false}};
  EXPECT_FALSE(thinks(Json::object()));
  EXPECT_TRUE(thinks({{"enable_thinking", true}}));
}

TEST_F(Rendering, VariablesOfTheRequestBeatThoseOfTheCommandLine) {
  chat_template = Template::compile("{{ a }}{{ b }}{{ reasoning_effort }}");
  settings.template_kwargs = {{"a", 1}, {"b", 1}};
  EXPECT_EQ(prompt({{"messages", Json::array()},
                    {"chat_template_kwargs", {{"b", 2}}},
                    {"reasoning_effort", "high"}}),
            "12high");
}

TEST_F(Rendering, ArgumentsBecomeObjectsWhereTheTemplateReadsThem) {
  chat_template = Template::compile(
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
      "{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}");
  const auto with_arguments = [](const Json& arguments) -> Json {
    Json message = {{"role", "assistant"},
                    {"tool_calls",
                     {{{"id", "1"},
                       {"type", "function"},
                       {"function", {{"name", "f"}, {"arguments", arguments}}}}}}};
    return {{"messages", {user("q"), message, {{"role", "tool"}, {"content", "r"}}}}};
  };
  EXPECT_EQ(prompt(with_arguments("{\"a\":3.0}")), "qf{\"a\": 3.0}r");
  EXPECT_EQ(prompt(with_arguments({{"a", 1}})), "qf{\"a\": 1}r");
  EXPECT_EQ(prompt(with_arguments("")), "qf{}r");
  EXPECT_EQ(error(with_arguments("{a")),
            "messages[1].tool_calls[0].function.arguments is not valid JSON: {a");
}

TEST_F(Rendering, SystemMessagesMoveWhereTheTemplateIgnoresThem) {
  chat_template = Template::compile(
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
      "{{ m.content }}|{% endfor %}");
  EXPECT_EQ(prompt({{"messages", {{{"role", "system"}, {"content", "S"}}, user("U")}}}), "S\nU|");
  EXPECT_EQ(prompt({{"messages", {{{"role", "system"}, {"content", "S"}}}}}), "");
}

TEST_F(Rendering, TypedTemplatesGetParts) {
  chat_template = Template::compile(
      "{% for m in messages %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}");
  const Json parts = {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}};
  EXPECT_EQ(prompt({{"messages", {user("x"), user(parts)}}}), "[x][a][b]");
}

TEST_F(Rendering, TokensThatTheTokenizerAddsAreLeftOut) {
  chat_template = Template::compile("{{ bos_token }}x{{ eos_token }}");
  settings.bos_token = "<s>";
  settings.eos_token = "</s>";
  EXPECT_EQ(prompt({{"messages", Json::array()}}), "<s>x</s>");
  settings.adds_bos = settings.adds_eos = true;
  EXPECT_EQ(prompt({{"messages", Json::array()}}), "x");
}

TEST_F(Rendering, ToolsGetTheMembersThatTemplatesExpect) {
  chat_template = Template::compile("{{ tools | tojson }}");
  EXPECT_EQ(prompt({{"messages", Json::array()},
                    {"tools", {{{"type", "function"}, {"function", {{"name", "f"}}}}}}}),
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"\", "
            "\"parameters\": {}}}]");
}

}  // namespace
}  // namespace llm::chat
