// Endpoints of features that are off, or that this server does not have yet: each says which, in
// the reference's words where it has them.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {

http::Response no_audio(Service&, const http::Request&) {
  not_supported("The current model does not support audio input.");
}

http::Response not_yet(Service&, const http::Request& request) {
  not_supported(fmt::format("{} is not supported yet", request.path));
}

http::Response feature_disabled(Service&, const http::Request&) {
  return http::json_response(
      403, R"({"error":{"message":"this feature is disabled","type":"feature_disabled"}})");
}

http::Response lora_adapters(Service&, const http::Request&) {
  return http::json_response(200, "[]");
}

http::Response set_lora_adapters(Service&, const http::Request& request) {
  if (!parse_body(request.body).is_array()) bad_field("", "Request body must be an array");
  return http::json_response(200, R"({"success":true})");
}

http::Response no_stream(Service&, const http::Request& request) {
  const auto id = request.query.find("conv_id");
  if (id == request.query.end() || id->second.empty()) {
    bad_field("conv_id", "Missing conversation id in path");
  }
  throw RequestError(404, "not_found_error", "no stream is kept for this conversation id");
}

http::Response forget_stream(Service&, const http::Request&) {
  return http::json_response(204, "");
}

http::Response find_streams(Service&, const http::Request& request) {
  parse_object(request.body);
  return http::json_response(200, "[]");
}

/// Ending the reasoning of a running request: needs the reasoning parser, which is to come.
http::Response chat_control(Service& service, const http::Request& request) {
  const Json body = parse_object(request.body);
  const Json* id = find(body, "id");
  if (id == nullptr || read_string("id", *id).empty()) bad_field("id", "missing completion id");
  const Json* action = find(body, "action");
  if (action == nullptr || read_string("action", *action) != "reasoning_end") {
    bad_field("action", "unknown control action");
  }
  const bool runs = service.live().has_completion(read_string("id", *id));
  return http::json_response(
      200, dump({{"success", false},
                 {"message", runs ? "reasoning control not enabled for this completion"
                                  : "no active completion for this id"}}));
}

}  // namespace llm::server
