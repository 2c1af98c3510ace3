#include "server/chat/prompt.h"

#include "chat/render.h"
#include "server/chat/tool_choice.h"
#include "server/chat/tools_as_text.h"
#include "server/service.h"

namespace llm::server {
namespace {

/// The instructions that a template needs which cannot show tools; empty when there is nothing to
/// explain.
std::string tool_instructions(const Serving& serving, const Json& body) {
  if (!serving.format) return {};
  const Json tools = read_tools(body);
  if (tools.is_null() || read_tool_choice(body, tools).mode == chat::ToolChoice::none) return {};
  return serving.format->tool_instructions(tools);
}

chat::RenderedChat render(const Serving& serving, const Json& body) {
  const std::string instructions = tool_instructions(serving, body);
  return chat::render_chat(instructions.empty() ? body : with_tools_as_text(body, instructions),
                           *serving.chat_template, serving.chat_settings);
}

}  // namespace

ChatPrompt render_chat(const Service& service, const Json& body) {
  const Serving& serving = service.serving();
  chat::RenderedChat rendered = render(serving, body);
  ChatPrompt prompt;
  prompt.tokens =
      serving.tokenizer.encode(rendered.prompt, {.add_special = true, .parse_special = true});
  prompt.text = std::move(rendered.prompt);
  prompt.generation_prompt = std::move(rendered.generation_prompt);
  prompt.stop = std::move(rendered.stop);
  const chat::Continuation& continuation = rendered.continuation;
  if (continuation.active && !continuation.in_reasoning) {
    prompt.prefill = continuation.content;
    std::string& before = prompt.generation_prompt;
    if (before.ends_with(prompt.prefill)) before.resize(before.size() - prompt.prefill.size());
    const Json* echo = find(body, "echo");
    prompt.streams_prefill =
        !continuation.is_explicit || (echo != nullptr && read_bool("echo", *echo));
  }
  return prompt;
}

}  // namespace llm::server
