// OpenAI's Responses API: /v1/responses. Requests become chat requests (request.h), replies are
// printed by format.h and kept in store.h.
#pragma once

#include "http/http.h"
#include "server/service.h"

namespace llm::server {

http::Task<http::Response> responses(Service& service, http::Exchange& exchange);
http::Response stored_response(Service& service, const http::Request& request);
http::Response delete_response(Service& service, const http::Request& request);
http::Response response_input_items(Service& service, const http::Request& request);
http::Response count_response_tokens(Service& service, const http::Request& request);

}  // namespace llm::server
