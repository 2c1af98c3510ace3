#include "server/errors.h"

#include "base/log.h"
#include "server/reply/pieces.h"

namespace llm::server {

std::unique_ptr<RequestError> to_exception(const ErrorEvent& event) {
  if (event.type == "exceed_context_size_error") {
    return std::make_unique<ContextError>(event.prompt_tokens, event.context);
  }
  return std::make_unique<RequestError>(event.status, event.type, event.message);
}

Json error_json(const RequestError& error) {
  Json body = {{"code", error.status}, {"message", error.what()}, {"type", error.type}};
  if (const auto* exceeded = dynamic_cast<const ContextError*>(&error)) {
    body["n_prompt_tokens"] = exceeded->prompt_tokens;
    body["n_ctx"] = exceeded->context;
  }
  return {{"error", std::move(body)}};
}

http::Response error_response(const RequestError& error) {
  http::Response response = http::json_response(error.status, dump(error_json(error)));
  if (error.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

void not_supported(const std::string& message) {
  throw RequestError(501, "not_supported_error", message);
}

std::unique_ptr<RequestError> error_of_current_exception(const std::string& request) {
  try {
    throw;
  } catch (const ContextError& error) {  // has more to say than its base
    return std::make_unique<ContextError>(error);
  } catch (const RequestError& error) {
    return std::make_unique<RequestError>(error);
  } catch (const std::exception& error) {
    log::write(log::Level::err, request, fmt::format("request failed: {}", error.what()));
  } catch (...) {
    log::write(log::Level::err, request, "request failed");
  }
  return std::make_unique<RequestError>(
      500, "server_error", fmt::format("internal error, see the server's log under {}", request));
}

}  // namespace llm::server
