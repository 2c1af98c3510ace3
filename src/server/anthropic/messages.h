// Anthropic's Messages API: /v1/messages and /v1/messages/count_tokens. Requests become chat
// requests (request.h), replies are printed by format.h.
#pragma once

#include "http/http.h"
#include "server/service.h"

namespace llm::server {

http::Task<http::Response> anthropic_messages(Service& service, http::Exchange& exchange);
http::Response count_anthropic_tokens(Service& service, const http::Request& request);

}  // namespace llm::server
