// Errors that end a piece of work. `Error` ends a start-up or the loading of a file,
// `RequestError` ends one request and nothing else. Outcomes that are expected (no page free,
// prefix not found) are return values, and broken invariants are assertions.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace llm {

/// What a person at the terminal reads, complete in one line: names the thing, what was found,
/// and what would be right.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// A request that is wrong or refused. Caught in one place, where it becomes the error body of
/// the wire format that was spoken.
class RequestError : public std::runtime_error {
 public:
  /// status: HTTP status. type: "invalid_request_error", "exceed_context_size_error", ...
  /// param: the field at fault, empty when it is not about one.
  RequestError(int status, std::string type, std::string message, std::string param = {})
      : std::runtime_error(message),
        status(status),
        type(std::move(type)),
        param(std::move(param)) {}

  int status;
  std::string type;
  std::string param;
};

/// A prompt that does not fit. Clients recognise the type and read both numbers.
class ContextError : public RequestError {
 public:
  ContextError(int prompt_tokens, int context)
      : RequestError(400, "exceed_context_size_error",
                     fmt::format("request ({} tokens) exceeds the available context size ({} "
                                 "tokens), try increasing it",
                                 prompt_tokens, context)),
        prompt_tokens(prompt_tokens),
        context(context) {}
  /// In other words, such as those of an endpoint that takes many inputs.
  ContextError(int prompt_tokens, int context, const std::string& message)
      : RequestError(400, "exceed_context_size_error", message),
        prompt_tokens(prompt_tokens),
        context(context) {}

  int prompt_tokens;
  int context;
};

/// The usual refusal: 400, `message` should begin with the field's name.
[[noreturn]] inline void bad_field(std::string param, const std::string& message) {
  throw RequestError(400, "invalid_request_error", message, std::move(param));
}

}  // namespace llm
