// The messages and tools of a chat request: checked, and brought into one shape.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace llm::chat {

/// What the server can take in besides text.
struct Modalities {
  bool image = false, audio = false, video = false;
};

/// Messages in one shape: `role`, `content` (a string, or an array of text parts), then, where
/// they are not empty, `reasoning_content`, `name`, `tool_call_id` and `tool_calls` with arguments
/// as JSON text.
struct Conversation {
  Json messages = Json::array();
  Json tools;               // array, or null when none are offered
  std::vector<Json> media;  // the media parts of the request, in the order of their markers
};

/// Throws RequestError(400). Each media part becomes `marker` in the text. Arrays of parts become
/// one string unless `keep_parts`.
Conversation read_conversation(const Json& body, const Modalities& modalities,
                               const std::string& marker, bool keep_parts);

}  // namespace llm::chat
