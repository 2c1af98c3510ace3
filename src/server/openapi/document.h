// /openapi.json: OpenAPI 3.1 of every route, from the tables that route and check requests.
#pragma once

#include <span>
#include <string>

#include "http/http.h"

namespace llm::server {

/// The text for a server of many models with these routes.
std::string describe_router(std::span<const http::Route> routes, const std::string& prefix);

}  // namespace llm::server
