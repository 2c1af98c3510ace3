// Which model a request wants. Internal to the room.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "http/http.h"

namespace llm::router {

/// Of a POST the field "model" of its body, and of other requests (and of bodies without the field)
/// the query's `model`. RequestError(400): none, not a string, a body that is no JSON.
std::string wanted_model(const http::Request& request);

/// The query's `autoload`, if it is there; RequestError(400) for other words than true and false.
std::optional<bool> wanted_autoload(const http::Request& request);

/// The body, which must be a JSON object. RequestError(400).
Json parse_object(const std::string& body);
/// The field "model" of such a body; empty when it is not there. RequestError(400).
std::string model_field(const std::string& body);

/// Path and query as a request line has them, without `autoload`.
std::string target_of(const http::Request& request);

}  // namespace llm::router
