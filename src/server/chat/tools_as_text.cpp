#include "server/chat/tools_as_text.h"

#include "server/reply/pieces.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

/// The text of `content`: a string, or the texts of its parts.
std::string text_of(const Json* content) {
  if (content == nullptr) return {};
  if (content->is_string()) return content->get<std::string>();
  std::string text;
  for (const Json& part : *content) {
    const Json* piece = part.is_object() ? find(part, "text") : nullptr;
    if (piece == nullptr || !piece->is_string()) continue;
    if (!text.empty()) text += '\n';
    text += piece->get_ref<const std::string&>();
  }
  return text;
}

Json arguments_of(const Json& function) {
  const Json* arguments = find(function, "arguments");
  if (arguments == nullptr) return Json::object();
  if (!arguments->is_string()) return *arguments;
  Json parsed = Json::parse(arguments->get_ref<const std::string&>(), nullptr, false);
  return parsed.is_discarded() ? *arguments : parsed;
}

/// The assistant's calls behind its text.
Json call_message(const Json& message) {
  std::string text = text_of(find(message, "content"));
  for (const Json& call : message["tool_calls"]) {
    const Json* function = call.is_object() ? find(call, "function") : nullptr;
    if (function == nullptr || !function->is_object()) return message;
    if (!text.empty()) text += '\n';
    text += "<tool_call>\n" +
            dump({{"name", function->value("name", Json(""))},
                  {"arguments", arguments_of(*function)}}) +
            "\n</tool_call>";
  }
  Json out = message;
  out.erase("tool_calls");
  out["content"] = text;
  return out;
}

void add_to_system(Json& messages, const std::string& instructions) {
  const bool has_system = !messages.empty() && messages[0].is_object() &&
                          (messages[0].value("role", Json()) == "system" ||
                           messages[0].value("role", Json()) == "developer");
  if (!has_system) {
    messages.insert(messages.begin(), Json{{"role", "system"}, {"content", instructions}});
    return;
  }
  const std::string own = text_of(find(messages[0], "content"));
  messages[0]["content"] = own.empty() ? instructions : own + "\n\n" + instructions;
}

}  // namespace

Json with_tools_as_text(const Json& body, const std::string& instructions) {
  Json out = body;
  out.erase("tools");
  const Json* messages = find(body, "messages");
  if (messages == nullptr || !messages->is_array()) return out;
  Json list = Json::array();
  bool after_result = false;  // templates that want turns to alternate need one user message
  for (const Json& message : *messages) {
    const Json role = message.is_object() ? message.value("role", Json()) : Json();
    if (role == "tool") {
      const std::string result =
          "<tool_response>\n" + text_of(find(message, "content")) + "\n</tool_response>";
      if (after_result) {
        Json& text = list.back()["content"];
        text = text.get<std::string>() + "\n" + result;
      } else {
        list.push_back({{"role", "user"}, {"content", result}});
      }
      after_result = true;
      continue;
    }
    const bool joins = after_result && role == "user" && find(message, "content") != nullptr &&
                       message["content"].is_string();
    after_result = false;
    if (joins) {
      Json& text = list.back()["content"];
      text = text.get<std::string>() + "\n" + message["content"].get<std::string>();
    } else if (role == "assistant" && find(message, "tool_calls") != nullptr &&
               message["tool_calls"].is_array()) {
      list.push_back(call_message(message));
    } else {
      list.push_back(message);
    }
  }
  add_to_system(list, instructions);
  out["messages"] = std::move(list);
  return out;
}

}  // namespace llm::server
