#include "server/chat_prompt.h"

#include "chat/render.h"
#include "server/service.h"

namespace llm::server {

ChatPrompt render_chat(const Service& service, const Json& body) {
  const Serving& serving = service.serving();
  chat::RenderedChat rendered =
      chat::render_chat(body, *serving.chat_template, serving.chat_settings);
  ChatPrompt prompt;
  prompt.tokens =
      serving.tokenizer.encode(rendered.prompt, {.add_special = true, .parse_special = true});
  prompt.text = std::move(rendered.prompt);
  prompt.generation_prompt = std::move(rendered.generation_prompt);
  prompt.stop = std::move(rendered.stop);
  const chat::Continuation& continuation = rendered.continuation;
  if (continuation.active && !continuation.in_reasoning) {
    prompt.prefill = continuation.content;
    const Json* echo = find(body, "echo");
    prompt.streams_prefill =
        !continuation.is_explicit || (echo != nullptr && read_bool("echo", *echo));
  }
  return prompt;
}

}  // namespace llm::server
