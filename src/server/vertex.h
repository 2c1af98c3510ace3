// Requests in the form of Vertex AI (AIP_MODE=PREDICTION): many requests, the instances, in one,
// each answered by the handler of the endpoint that it names.
#pragma once

#include <string>
#include <vector>

#include "http/http.h"
#include "server/route_rows.h"

namespace llm::server {

http::Task<http::Response> predict(Service& service, http::Exchange& exchange);

/// The endpoint of "@requestFormat": a path, or the path as one word ("/v1/chat/completions":
/// "chatCompletions"; where two paths have the same word, the one with /v1). Null when there is
/// none.
const RouteRow* row_of_format(const std::string& format);

}  // namespace llm::server
