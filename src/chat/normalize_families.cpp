// Shapes of messages that single families want.
#include <algorithm>
#include <string>
#include <vector>

#include "chat/normalize.h"

namespace llm::chat {
namespace {

bool is_role(const Json& message, const char* role) {
  return message.at("role") == role;
}

/// The calls of an assistant's message; null when it makes none.
const Json* calls_of(const Json& message) {
  const auto found = message.find("tool_calls");
  return found == message.end() ? nullptr : &*found;
}

std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void copy_reasoning(Json& message) {
  const std::string reasoning = text_at(message, "reasoning_content");
  if (!reasoning.empty()) message["thinking"] = reasoning;
}

/// Position in `calls` of the call that `result` answers; behind all when there is none.
std::size_t position_of(const Json& calls, const Json& result) {
  const std::string id = text_at(result, "tool_call_id");
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (text_at(calls[i], "id") == id) return i;
  return calls.size();
}

/// `{"name", "response"}` for Gemma 4.
Json tool_response(const Json& calls, const Json& result) {
  std::string name = text_at(result, "name");
  const std::size_t call = position_of(calls, result);
  if (call < calls.size()) name = calls[call].at("function").at("name").get<std::string>();
  const std::string text = text_at(result, "content");
  const Json parsed = Json::parse(text, nullptr, false);
  return {{"name", name}, {"response", parsed.is_discarded() ? Json(text) : parsed}};
}

}  // namespace

/// Contents of the system and the assistant are lists of thinking and text blocks.
void normalize_ministral(Json& messages) {
  for (Json& message : messages) {
    if (!is_role(message, "system") && !is_role(message, "assistant")) continue;
    Json blocks = Json::array();
    const std::string reasoning = text_at(message, "reasoning_content");
    if (!reasoning.empty()) blocks.push_back({{"type", "thinking"}, {"thinking", reasoning}});
    const Json& content = message.at("content");
    if (content.is_array()) {
      blocks.insert(blocks.end(), content.begin(), content.end());
    } else if (content != "") {
      blocks.push_back({{"type", "text"}, {"text", content}});
    }
    message["content"] = std::move(blocks);
    message.erase("reasoning_content");
  }
}

/// The template refuses content beside thinking in a message that makes calls.
void normalize_harmony(Json& messages) {
  for (Json& message : messages) {
    copy_reasoning(message);
    // Content beside calls is shown as analysis, where the thoughts stand already.
    if (calls_of(message) && message.contains("thinking")) message.erase("content");
  }
}

void normalize_lfm2(Json& messages) {
  for (Json& message : messages) copy_reasoning(message);
}

/// Calls, the results behind them and the answer behind those are one message.
void normalize_gemma4(Json& messages) {
  Json out = Json::array();
  for (std::size_t i = 0; i < messages.size();) {
    Json message = messages[i++];
    if (const Json* made = calls_of(message)) {
      const Json calls = *made;
      Json responses = Json::array();
      while (i < messages.size() && is_role(messages[i], "tool"))
        responses.push_back(tool_response(calls, messages[i++]));
      const bool answered = !responses.empty() && i < messages.size() &&
                            is_role(messages[i], "assistant") && !calls_of(messages[i]);
      if (answered) message["content"] = messages[i++].at("content");
      if (!responses.empty()) message["tool_responses"] = std::move(responses);
    }
    out.push_back(std::move(message));
  }
  messages = std::move(out);
}

/// Results stand in the order of the calls that they answer.
void normalize_deepseek_v4(Json& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Json* calls = calls_of(messages[i]);
    if (!calls) continue;
    std::vector<std::size_t> places;
    for (std::size_t at = i + 1;
         at < messages.size() && (is_role(messages[at], "tool") || is_role(messages[at], "user"));
         ++at)
      if (is_role(messages[at], "tool")) places.push_back(at);
    std::vector<Json> results;
    for (const std::size_t place : places) results.push_back(messages[place]);
    std::stable_sort(results.begin(), results.end(), [&](const Json& a, const Json& b) {
      return position_of(*calls, a) < position_of(*calls, b);
    });
    for (std::size_t k = 0; k < places.size(); ++k) messages[places[k]] = std::move(results[k]);
  }
}

}  // namespace llm::chat
