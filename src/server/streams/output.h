// Where the events of a streamed reply go: straight to the client or, when the reply can be
// resumed, into its record, from which the client is served at its own speed.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "http/http.h"
#include "server/streams/store.h"

namespace llm::server {

/// The name that X-Conversation-Id gives a stream; RequestError when it is too long.
std::optional<StreamName> stream_name(const http::Request& request);

/// Sends what `reader` gets until the stream ends or the client leaves.
http::Task<void> send_stream(http::Exchange& exchange, std::shared_ptr<StreamReader> reader);

class StreamOutput {
 public:
  /// `cancel` is called when nobody wants the reply any more. `store` is null for a reply that is
  /// not recorded, whatever its headers.
  StreamOutput(StreamStore* store, http::Exchange& exchange, std::function<void()> cancel);

  bool has_begun() const { return has_begun_; }
  http::Task<void> begin();
  /// False when nobody wants more.
  http::Task<bool> write(std::string_view events);
  /// The reply was cancelled, or failed before it began: `event` tells those who follow its record.
  void leave_word(std::string_view event);
  /// Always to be awaited, also behind an exception: waits until the client has got everything.
  http::Task<void> finish();

 private:
  struct Client {
    http::Signal has_all;
    std::exception_ptr problem;
  };

  http::Exchange& exchange_;
  bool has_begun_ = false;
  std::unique_ptr<StreamWriter> writer_;  // null: not recorded
  std::shared_ptr<StreamReader> reader_;
  std::shared_ptr<Client> client_;  // while it is served
};

}  // namespace llm::server
