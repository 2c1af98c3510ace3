// Failures of requests as reply bodies: the only place that knows their shape.
#pragma once

#include <stdexcept>

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

/// The reply for the exception in flight: RequestError as it says, anything else a 500 whose
/// message tells the client nothing about the machine (the log has it).
http::Response response_of_current_exception() noexcept;

}  // namespace llm::server
