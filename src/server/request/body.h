// From the bytes of a request body to JSON, with limits.
#pragma once

#include <string_view>

#include "base/json.h"
#include "server/request/body_fields.h"

namespace llm::server {

inline constexpr int kMaxJsonDepth = 256;  // code that walks JSON is recursive

/// Throws RequestError(400) when the text is no JSON, is not UTF-8 or is nested too deeply.
Json parse_body(std::string_view text);
/// The same, and the body must be an object.
Json parse_object(std::string_view text);
/// The same, and each of `fields` is absent or has one of its types.
Json parse_object(std::string_view text, BodyFields fields);

}  // namespace llm::server
