// Anthropic's Messages request in OpenAI's chat shape.
#pragma once

#include "base/json.h"

namespace llm::server {

/// Throws RequestError(400) naming the field. What Anthropic's API does not have is left out.
Json chat_body_of_anthropic(const Json& body);

}  // namespace llm::server
