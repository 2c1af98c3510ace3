// Tools for a model whose chat template cannot show them: explained in the system message, calls
// and results in the conversation as text, in the syntax that the format's instructions ask for.
#pragma once

#include <string>

#include "base/json.h"

namespace llm::server {

/// A chat request with `instructions` in its system message, without `tools`, and with tool calls
/// and tool messages of the history as text. What is malformed stays, to be refused later.
Json with_tools_as_text(const Json& body, const std::string& instructions);

}  // namespace llm::server
