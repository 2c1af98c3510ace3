#include "chat/normalize.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"

namespace llm::chat {
namespace {

Json text_part(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}

void strings_to_parts(Json& messages) {
  for (Json& message : messages) {
    Json& content = message["content"];
    if (content.is_string()) content = Json::array({text_part(content.get<std::string>())});
  }
}

/// A leading system message goes in front of the next one.
void fold_system_message(Json& messages) {
  if (messages.empty() || messages[0].at("role") != "system") return;
  const Json system = messages[0].at("content");
  messages.erase(0);
  if (messages.empty()) return;
  Json& content = messages[0]["content"];
  if (system.is_string() && content.is_string()) {
    content = system.get<std::string>() + "\n" + content.get<std::string>();
    return;
  }
  Json parts = system.is_array() ? system : Json::array({text_part(system.get<std::string>())});
  if (content.is_array()) {
    parts.insert(parts.end(), content.begin(), content.end());
  } else {
    parts.push_back(text_part(content.get<std::string>()));
  }
  content = std::move(parts);
}

void parse_arguments(Json& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto calls = messages[i].find("tool_calls");
    if (calls == messages[i].end()) continue;
    for (std::size_t j = 0; j < calls->size(); ++j) {
      Json& arguments = (*calls)[j]["function"]["arguments"];
      const std::string text = arguments.get<std::string>();
      const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
      Json parsed = blank ? Json::object() : Json::parse(text, nullptr, false);
      if (parsed.is_discarded())
        bad_field(
            "messages",
            fmt::format("messages[{}].tool_calls[{}].function.arguments is not valid JSON: {}", i,
                        j, text));
      arguments = std::move(parsed);
    }
  }
}

void normalize_for_family(Json& messages, const Template& chat_template) {
  switch (chat_template.family()) {
    case Family::ministral3:
      return normalize_ministral(messages);
    case Family::harmony:
      return normalize_harmony(messages);
    case Family::lfm2:
    case Family::lfm25:
      return normalize_lfm2(messages);
    case Family::gemma4:
      // Newer templates do this themselves, and say so.
      if (chat_template.source().find("OpenAI Chat Completions") == std::string::npos)
        normalize_gemma4(messages);
      return;
    case Family::deepseek_v4:
      return normalize_deepseek_v4(messages);
    default:
      return;
  }
}

}  // namespace

void normalize_messages(Json& messages, const Template& chat_template) {
  const TemplateCaps& caps = chat_template.caps();
  if (caps.supports_typed_content && !caps.supports_string_content) strings_to_parts(messages);
  if (chat_template.family() != Family::harmony) {
    for (Json& message : messages)
      if (message.at("role") == "developer") message["role"] = "system";
  }
  if (!caps.supports_system_role) fold_system_message(messages);
  if (caps.supports_object_arguments) parse_arguments(messages);
  normalize_for_family(messages, chat_template);
}

}  // namespace llm::chat
