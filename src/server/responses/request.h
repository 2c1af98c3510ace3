// A request of OpenAI's Responses API in OpenAI's chat shape.
#pragma once

#include "base/json.h"

namespace llm::server {

/// `input` as a list of items; a text is one message of the user. Throws RequestError(400).
Json response_items(const Json& body);

/// The chat request for `items`: those of earlier turns and the request's own. Throws
/// RequestError(400) naming the field.
Json chat_body_of_response(const Json& body, const Json& items);

}  // namespace llm::server
