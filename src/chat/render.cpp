#include "chat/render.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "chat/normalize.h"
#include "chat/template_variables.h"
#include "chat/text_parts.h"

namespace llm::chat {
namespace {

bool read_bool(const Json& body, const char* name, bool otherwise) {
  const Json* value = find_value(body, name);
  if (!value) return otherwise;
  if (!value->is_boolean())
    bad_field(name, fmt::format("{} must be a boolean, not {}", name, value->type_name()));
  return value->get<bool>();
}

void check_tool_choice(const Json& body) {
  const Json* choice = find_value(body, "tool_choice");
  if (!choice || choice->is_object()) return;
  if (!choice->is_string())
    bad_field("tool_choice", fmt::format("tool_choice must be a string or an object, not {}",
                                         choice->type_name()));
  const std::string& name = choice->get_ref<const std::string&>();
  if (name != "auto" && name != "none" && name != "required")
    bad_field("tool_choice", "Invalid tool_choice: " + name);
}

/// What continue_final_message says.
enum class Wanted { nothing, either, content, reasoning };

Wanted read_continuation(const Json& body) {
  const Json* value = find_value(body, "continue_final_message");
  if (!value || *value == false) return Wanted::nothing;
  if (*value == true) return Wanted::either;
  if (*value == "content") return Wanted::content;
  if (*value == "reasoning_content") return Wanted::reasoning;
  bad_field("continue_final_message",
            "continue_final_message must be true, false, \"content\" or \"reasoning_content\"");
}

bool is_assistant(const Json& message) {
  return message.at("role") == "assistant";
}

std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  for (const Json& part : content) text += part.at("text").get<std::string>();
  return text;
}

/// Takes the message that is to be continued off the end of `messages`.
Continuation take_continuation(const Json& body, bool add_generation_prompt, bool prefill,
                               Json& messages) {
  const Wanted wanted = read_continuation(body);
  Continuation continuation;
  continuation.is_explicit = wanted != Wanted::nothing;
  const bool ends_with_assistant = !messages.empty() && is_assistant(messages.back());
  if (continuation.is_explicit && add_generation_prompt)
    bad_field("continue_final_message",
              "Cannot set both add_generation_prompt and continue_final_message to true.");
  if (continuation.is_explicit && !ends_with_assistant)
    bad_field("continue_final_message",
              "continue_final_message needs a message of the assistant at the end of 'messages'");
  if (!ends_with_assistant || (!prefill && !continuation.is_explicit)) return continuation;
  if (messages.size() > 1 && is_assistant(messages[messages.size() - 2]))
    bad_field("messages", "Cannot have 2 or more assistant messages at the end of the list.");
  const Json& last = messages.back();
  if (last.contains("tool_calls")) {
    if (continuation.is_explicit)
      bad_field("continue_final_message", "a message with tool calls cannot be continued");
    return continuation;
  }
  continuation.active = true;
  continuation.content = text_of(last.at("content"));
  continuation.reasoning = last.value("reasoning_content", std::string());
  continuation.in_reasoning =
      wanted == Wanted::reasoning || (wanted != Wanted::content && continuation.content.empty() &&
                                      !continuation.reasoning.empty());
  messages.erase(messages.size() - 1);
  return continuation;
}

/// The start of the assistant's turn, without an opened or closed block of reasoning.
std::string_view header_of(std::string_view generation_prompt, const ReasoningFormat& format) {
  std::size_t end = generation_prompt.size();
  for (const std::string_view tag : {trimmed(format.start), trimmed(format.end)})
    if (!tag.empty()) end = std::min(end, generation_prompt.find(tag));
  return generation_prompt.substr(0, end);
}

std::string continued_turn(std::string_view generation_prompt, const Continuation& continuation,
                           const ReasoningFormat& format) {
  std::string turn(header_of(generation_prompt, format));
  if (format.supported) {
    const bool bare = continuation.reasoning.empty() && !continuation.in_reasoning;
    if (bare && !format.none.empty()) {
      turn += format.none;
    } else {
      turn += format.start + continuation.reasoning;
      if (continuation.in_reasoning) return turn;
      turn += format.end;
    }
  }
  return turn + format.content_start + continuation.content;
}

void replace_last(std::string& text, std::string_view old, std::string_view with) {
  const std::size_t at = text.rfind(old);
  if (at != std::string::npos) text.replace(at, old.size(), with);
}

/// With the generation prompt and without.
Template::Texts both_texts(const Template& chat_template, const TemplateInput& input) {
  Template::Texts texts = chat_template.render_both(input);
  // Gemma 4 templates leave the generation prompt out behind an answer that follows tool results.
  if (chat_template.family() == Family::gemma4 && texts.with.ends_with("<turn|>\n"))
    texts.with += "<|turn>model\n";
  // gpt-oss ends a conversation with a token that no model may read.
  if (chat_template.family() == Family::harmony)
    replace_last(texts.without, "<|return|>", "<|end|>");
  return texts;
}

/// The tokenizer adds these itself.
void drop_added_tokens(std::string& prompt, const RenderSettings& settings) {
  if (settings.adds_bos && !settings.bos_token.empty() && prompt.starts_with(settings.bos_token))
    prompt.erase(0, settings.bos_token.size());
  if (settings.adds_eos && !settings.eos_token.empty() && prompt.ends_with(settings.eos_token))
    prompt.resize(prompt.size() - settings.eos_token.size());
}

}  // namespace

RenderedChat render_chat(const Json& body, const Template& chat_template,
                         const RenderSettings& settings) {
  const TemplateCaps& caps = chat_template.caps();
  Conversation conversation = read_conversation(body, settings.modalities, settings.media_marker,
                                                caps.supports_typed_content);
  check_tool_choice(body);
  const bool add_generation_prompt = read_bool(body, "add_generation_prompt", true);
  RenderedChat out;
  out.media = std::move(conversation.media);
  out.continuation = take_continuation(body, add_generation_prompt, settings.prefill_assistant,
                                       conversation.messages);
  normalize_messages(conversation.messages, chat_template);

  TemplateInput input;
  input.extra = template_variables(body, chat_template, settings, conversation.tools);
  input.messages = std::move(conversation.messages);
  input.tools = std::move(conversation.tools);
  input.bos_token = settings.bos_token;
  input.eos_token = settings.eos_token;
  input.now_unix_s = settings.now_unix_s;

  const auto [with, without] = both_texts(chat_template, input);
  out.generation_prompt = with.substr(common_prefix(with, without));
  if (out.continuation.active) {
    out.generation_prompt =
        continued_turn(out.generation_prompt, out.continuation, chat_template.reasoning());
    out.prompt = without + out.generation_prompt;
  } else {
    out.prompt = add_generation_prompt ? with : without;
  }
  drop_added_tokens(out.prompt, settings);
  if (chat_template.source().find("<assistant>") != std::string::npos &&
      chat_template.source().find("</assistant>") != std::string::npos)
    out.stop.push_back("</assistant>");
  return out;
}

}  // namespace llm::chat
