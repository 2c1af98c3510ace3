// From an OpenAI chat request to the prompt.
//
// Start here: render_chat() reads the messages (messages.h), brings them into the shape that the
// template wants (normalize.h), renders, and continues a message of the assistant where that is
// asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "chat/messages.h"
#include "chat/template.h"

namespace llm::chat {

/// What the server was started with.
struct RenderSettings {
  bool prefill_assistant = true;          // a message of the assistant at the end is continued
  std::optional<bool> enable_thinking;    // --reasoning; nothing: on
  bool preserve_reasoning = false;        // keep the reasoning of all turns
  Json template_kwargs = Json::object();  // --chat-template-kwargs
  Modalities modalities;
  std::string media_marker;
  std::string bos_token, eos_token;
  bool adds_bos = false, adds_eos = false;  // the tokenizer adds them by itself
  std::int64_t now_unix_s = 0;              // 0: the clock
};

/// The assistant's message that the reply goes on with.
struct Continuation {
  bool active = false;
  bool is_explicit = false;   // by continue_final_message, not by its place at the end
  bool in_reasoning = false;  // the reasoning goes on, not the content
  std::string content, reasoning;
};

struct RenderedChat {
  std::string prompt;
  /// What the prompt ends with that belongs to the reply's turn: a parser of the reply must treat
  /// it as already read.
  std::string generation_prompt;
  Continuation continuation;
  std::vector<Json> media;        // media parts in the order of their markers
  std::vector<std::string> stop;  // of the template's format
};

/// Throws RequestError(400) that names the field, or with the template's own message.
RenderedChat render_chat(const Json& body, const Template& chat_template,
                         const RenderSettings& settings);

}  // namespace llm::chat
