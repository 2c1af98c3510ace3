// Failures of requests as reply bodies: the only place that knows their shape.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "engine/engine.h"
#include "http/http.h"

namespace llm::server {

/// The exception that an engine's error event stands for.
std::unique_ptr<RequestError> to_exception(const ErrorEvent& event);

/// {"error":{"code","message","type", ...}}
Json error_json(const RequestError& error);
http::Response error_response(const RequestError& error);

[[noreturn]] void not_supported(const std::string& message);

/// The exception in flight as an error of the request with this id: RequestError as it is, anything
/// else a 500 whose message tells the client nothing about the machine (the log has it).
std::unique_ptr<RequestError> error_of_current_exception(const std::string& request);

}  // namespace llm::server
