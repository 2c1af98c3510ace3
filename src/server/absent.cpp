// Endpoints of features that are off: each says which, in the reference's words where it has them.
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

http::Response feature_disabled(Service&, const http::Request&) {
  return http::json_response(
      403, R"({"error":{"message":"this feature is disabled","type":"feature_disabled"}})");
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

}  // namespace llm::server
