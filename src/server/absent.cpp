// Endpoints of features that are off: each says which, in the reference's words where it has them.
#include "server/endpoints.h"
#include "server/errors.h"

namespace llm::server {

http::Response no_audio(Service&, const http::Request&) {
  not_supported("The current model does not support audio input.");
}

http::Response feature_disabled(Service&, const http::Request&) {
  return http::json_response(
      403, R"({"error":{"message":"this feature is disabled","type":"feature_disabled"}})");
}

}  // namespace llm::server
