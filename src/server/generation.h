// The road of every generating request: submit its sequences, collect or stream their events.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "http/http.h"
#include "server/reply_format.h"
#include "server/request/grammars.h"
#include "server/request/reasoning_budget.h"
#include "server/service.h"

namespace llm::server {

struct StartedEvent {};

/// An event of the sequence number `index`.
struct SequenceEvent {
  int index;
  std::variant<StartedEvent, ProgressEvent, TokenEvent, EndEvent, ErrorEvent> what;
};

/// The sequences of one HTTP request in the engine. The engine's thread pushes, one coroutine
/// reads. What still runs is cancelled when this goes away.
class Generation {
 public:
  /// Throws what Engine::submit throws; nothing runs then.
  Generation(Service& service, std::vector<GenerationRequest> requests, SharedParams params);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// The next event; nullopt when `timeout` passed without one (timed_out()) or after cancel().
  http::Task<std::optional<SequenceEvent>> next(std::chrono::milliseconds timeout);
  /// An event that is there already.
  std::optional<SequenceEvent> try_next();
  bool timed_out() const;
  /// For the HTTP server's callback when the client leaves; may be called when this is gone.
  std::function<void()> canceller() const;

 private:
  struct Shared;
  class Sink;
  std::shared_ptr<Shared> shared_;
  LiveRequests& live_;
};

/// One request, ready to run.
struct Job {
  CompletionParams params;  // resolved
  std::vector<std::vector<TokenId>> prompts;
  std::unique_ptr<ReplyFormat> format;
  Prepared prepared;     // the constraint of the text
  ReasoningLimit limit;  // of the thoughts
  bool show_special = false;
  bool is_resumable = false;  // X-Conversation-Id makes its stream one that is recorded
  std::shared_ptr<const std::vector<TokenId>>
      shown_tokens;                    // control tokens that are shown even so
  std::vector<std::string> more_stop;  // the chat format's own
};

/// Runs `job` to its end and answers in its format, as a stream when it asks for one.
http::Task<http::Response> run(Service& service, http::Exchange& exchange, Job job);

}  // namespace llm::server
