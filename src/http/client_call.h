// One request to another HTTP/1.1 server behind a unix socket, its answer read piece by piece.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace llm::http {

/// The other side could not be reached, broke off or spoke no HTTP.
class PeerError : public std::runtime_error {
 public:
  PeerError(const std::string& message, bool was_sent)
      : std::runtime_error(message), was_sent(was_sent) {}
  bool was_sent;  // false: the request did not get there, and may be sent again
};

struct ClientRequest {
  std::string method = "GET", target = "/";
  Headers headers;  // Host, Connection and Content-Length are added
  std::string_view body;
};

/// A connection of its own for each call. The coroutines run on the executor they are awaited on,
/// which must outlive the call, and throw PeerError; one at a time.
class ClientCall {
 public:
  /// `silence`: longest wait for the next bytes, or for room to send.
  explicit ClientCall(std::chrono::milliseconds silence);
  ~ClientCall();
  ClientCall(const ClientCall&) = delete;

  struct Head {
    int status = 0;
    Headers headers;
    std::optional<std::uint64_t> content_length;
    bool has_body = true;
  };
  Task<Head> send(const std::string& socket_path, const ClientRequest& request);
  /// All of the request has been written: the other side may be at work on it.
  bool was_sent() const;
  /// The next bytes of the body, at once when there are any, without chunk borders. Empty at its
  /// end. Valid until the next call.
  Task<std::string_view> read();
  /// Ends what is being awaited, and the connection. Any thread.
  void cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Sends the request and waits, on this thread, for the whole answer. PeerError also when the body
/// is longer than 16 MiB.
Response fetch(const std::string& socket_path, const ClientRequest& request,
               std::chrono::milliseconds silence);

}  // namespace llm::http
