// `tools` and `tool_choice` of a chat request, in the spellings of OpenAI's and Anthropic's
// clients.
#pragma once

#include <string>

#include "base/json.h"
#include "chat/format.h"

namespace llm::server {

struct ToolChoiceField {
  chat::ToolChoice mode = chat::ToolChoice::automatic;
  std::string name;  // the only function that may be called; empty: any
  Json allowed;      // names of the functions that may be called; null: all that are offered
};

/// `tools`: as chat::Conversation has them. Throws RequestError(400) naming `tool_choice`, also
/// when it asks for a call that cannot be made.
ToolChoiceField read_tool_choice(const Json& body, const Json& tools);

/// The tools of `body`, checked and in one shape; null when none are offered.
Json read_tools(const Json& body);
/// Some function asks for `"strict": true`.
bool wants_strict_tools(const Json& body);

}  // namespace llm::server
