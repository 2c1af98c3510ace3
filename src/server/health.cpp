// /health, /livez, /readyz. While the model loads the HTTP server answers 503 for all but /livez.
#include "server/endpoints.h"

namespace llm::server {

http::Response health(Service&, const http::Request&) {
  return http::json_response(200, R"({"status":"ok"})");
}

}  // namespace llm::server
