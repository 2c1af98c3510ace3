#include "server/chat_prompt.h"

#include "chat/render.h"
#include "server/service.h"

namespace llm::server {
namespace {

chat::RenderSettings render_settings(const Service& service) {
  const ChatOptions& options = service.options().chat;
  const Tokenizer& tokenizer = service.serving().tokenizer;
  const SpecialTokens& special = tokenizer.special();
  const auto text = [&](TokenId token) {
    return token == kNoToken ? std::string() : tokenizer.piece(token, /*show_special=*/true);
  };
  chat::RenderSettings settings;
  settings.prefill_assistant = options.prefill_assistant;
  settings.template_kwargs = Json::parse(options.chat_template_kwargs);
  settings.media_marker = service.media_marker();
  settings.bos_token = text(special.bos);
  settings.eos_token = text(special.eos);
  settings.adds_bos = special.add_bos;
  settings.adds_eos = special.add_eos;
  return settings;
}

bool asks_for_echo(const Json& body) {
  const auto echo = body.find("echo");
  return echo != body.end() && echo->is_boolean() && echo->get<bool>();
}

}  // namespace

ChatPrompt render_chat(const Service& service, const Json& body) {
  const Serving& serving = service.serving();
  chat::RenderedChat rendered =
      chat::render_chat(body, *serving.chat_template, render_settings(service));
  ChatPrompt prompt;
  prompt.tokens =
      serving.tokenizer.encode(rendered.prompt, {.add_special = true, .parse_special = true});
  prompt.text = std::move(rendered.prompt);
  prompt.generation_prompt = std::move(rendered.generation_prompt);
  prompt.stop = std::move(rendered.stop);
  const chat::Continuation& continuation = rendered.continuation;
  if (continuation.active) {
    prompt.prefill = continuation.content;
    prompt.streams_prefill = !continuation.is_explicit || asks_for_echo(body);
  }
  return prompt;
}

}  // namespace llm::server
