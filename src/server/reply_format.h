// What a wire format has to say about a generation. One implementation per format; the driver in
// generation.cpp calls it and knows no JSON.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "http/http.h"
#include "server/reply/sequence.h"

namespace llm::server {

class ReplyFormat {
 public:
  virtual ~ReplyFormat() = default;

  /// The complete body of a reply that is not streamed.
  virtual std::string whole(std::span<const SequenceReply> replies) = 0;

  // Pieces of a stream, ready to send ("data: ...\n\n", several of them, or nothing).
  /// The prompt begins to be computed.
  virtual std::string started(const SequenceReply&) { return {}; }
  virtual std::string progress(const SequenceReply& reply, const ProgressEvent& event) = 0;
  virtual std::string chunk(const SequenceReply& reply, const Chunk& chunk) = 0;
  /// The sequence has ended; `replies` are all of them, some perhaps still running.
  virtual std::string end(const SequenceReply& reply, std::span<const SequenceReply> replies) = 0;
  /// All have ended.
  virtual std::string close(std::span<const SequenceReply> replies) = 0;
  /// Instead of the end. The default is the event `data: {"error":...}`.
  virtual std::string error(const RequestError& error);
  /// Keeps a silent stream open.
  virtual std::string ping() { return ":\n\n"; }

  /// The reply when nothing has been sent yet.
  virtual http::Response refusal(const RequestError& error);
};

/// One server-sent event.
std::string sse(const std::string& data);
std::string sse(const std::string& event, const std::string& data);

}  // namespace llm::server
