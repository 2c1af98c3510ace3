#include "server/request/body.h"

#include <fmt/format.h>

#include "base/error.h"

namespace llm::server {
namespace {

/// Most containers open at once. Needs no valid JSON: it only must not count too little.
int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Json parse_body(std::string_view text) {
  if (depth_of(text) > kMaxJsonDepth) {
    throw RequestError(
        400, "invalid_request_error",
        fmt::format("request body: JSON is nested more than {} levels deep", kMaxJsonDepth));
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw RequestError(400, "invalid_request_error", error.what());
  }
}

Json parse_object(std::string_view text) {
  Json body = parse_body(text);
  if (!body.is_object()) {
    throw RequestError(
        400, "invalid_request_error",
        fmt::format("request body must be a JSON object, but is {}", body.type_name()));
  }
  return body;
}

Json parse_object(std::string_view text, BodyFields fields) {
  Json body = parse_object(text);
  check_types(body, fields);
  return body;
}

}  // namespace llm::server
