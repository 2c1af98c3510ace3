#include "server/generation.h"

#include <mutex>

#include "base/log.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/streams/output.h"

namespace llm::server {

/// Outlives the Generation as long as the engine or the HTTP server may still call.
struct Generation::Shared {
  struct Running {
    std::shared_ptr<RequestHandle> handle;
    int slot = -1;
    bool has_ended = false;
  };

  void cancel() {
    const std::lock_guard lock(mutex);
    is_cancelled = true;
    for (Running& one : running) {
      if (one.handle && !one.has_ended) one.handle->cancel();
    }
    events.close();
  }
  void ended(int index, int slot) {
    const std::lock_guard lock(mutex);
    running[index].has_ended = true;
    running[index].slot = slot;
  }

  http::Channel<SequenceEvent> events;
  std::mutex mutex;  // of what follows
  std::vector<Running> running;
  bool is_cancelled = false;
};

class Generation::Sink final : public EventSink {
 public:
  Sink(std::shared_ptr<Shared> shared, int index) : shared_(std::move(shared)), index_(index) {}

  void started() override { push(StartedEvent{}); }
  void progress(const ProgressEvent& event) override { push(event); }
  void token(TokenEvent&& event) override { push(std::move(event)); }
  void end(EndEvent&& event) override {
    shared_->ended(index_, event.slot);
    push(std::move(event));
  }
  void error(ErrorEvent&& event) override {
    shared_->ended(index_, -1);
    push(std::move(event));
  }

 private:
  template <class Event>
  void push(Event&& event) {
    shared_->events.push(SequenceEvent{index_, std::forward<Event>(event)});
  }

  std::shared_ptr<Shared> shared_;
  int index_;
};

Generation::Generation(Service& service, std::vector<GenerationRequest> requests,
                       SharedParams params)
    : shared_(std::make_shared<Shared>()), live_(service.live()) {
  shared_->running.resize(requests.size());
  try {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto sink = std::make_shared<Sink>(shared_, static_cast<int>(i));
      if (requests[i].prompt.empty()) {  // nothing to continue from
        sink->started();
        sink->end(EndEvent{});
        continue;
      }
      auto handle = service.serving().engine.submit(std::move(requests[i]), sink);
      live_.begin(handle->id(), params);
      const std::lock_guard lock(shared_->mutex);
      shared_->running[i].handle = std::move(handle);
    }
  } catch (...) {
    shared_->cancel();
    throw;
  }
}

Generation::~Generation() {
  shared_->cancel();
  for (const Shared::Running& one : shared_->running) {
    if (one.handle) live_.end(one.handle->id(), one.slot);
  }
}

http::Task<std::optional<SequenceEvent>> Generation::next(std::chrono::milliseconds timeout) {
  co_return co_await shared_->events.next(timeout);
}

std::optional<SequenceEvent> Generation::try_next() {
  return shared_->events.try_next();
}

bool Generation::timed_out() const {
  return shared_->events.timed_out();
}

std::function<void()> Generation::canceller() const {
  return [shared = std::weak_ptr(shared_)] {
    if (const auto alive = shared.lock()) alive->cancel();
  };
}

namespace {

std::vector<GenerationRequest> make_requests(Service& service, const http::Exchange& exchange,
                                             const Job& job) {
  Serving& serving = service.serving();
  std::vector<GenerationRequest> requests;
  for (const auto& prompt : job.prompts) {
    const int size = static_cast<int>(prompt.size()), context = serving.engine.slot_context();
    if (size >= context) throw ContextError(size, context);
    for (int choice = 0; choice < job.params.choices; ++choice) {
      GenerationRequest request = serving.resolver.request(job.params, prompt, choice);
      request.filter = limit_reasoning(job.limit, serving.tokenizer,
                                       serving.grammars.filter(job.prepared.constraint));
      request.show_special = job.show_special;
      request.shown_tokens = job.shown_tokens;
      request.stop.insert(request.stop.end(), job.more_stop.begin(), job.more_stop.end());
      request.name = exchange.request().id;
      requests.push_back(std::move(request));
    }
  }
  return requests;
}

std::vector<SequenceReply> make_replies(const Serving& serving, const Job& job) {
  std::vector<SequenceReply> replies;
  for (const auto& prompt : job.prompts) {
    for (int choice = 0; choice < job.params.choices; ++choice) {
      replies.emplace_back(serving.tokenizer,
                           SequenceReply::Setup{.index = static_cast<int>(replies.size()),
                                                .prompt = prompt,
                                                .wants_scores = job.params.sampling.n_probs > 0,
                                                .show_special = job.show_special,
                                                .shown_tokens = job.shown_tokens});
    }
  }
  return replies;
}

/// Takes the event into its reply. Returns what a stream sends for it.
struct Taken {
  std::string text;
  bool has_ended = false;
};
Taken take(SequenceEvent&& event, std::vector<SequenceReply>& replies, ReplyFormat& format) {
  SequenceReply& reply = replies.at(event.index);
  if (auto* token = std::get_if<TokenEvent>(&event.what)) {
    const auto chunk = reply.add(std::move(*token));
    return {chunk ? format.chunk(reply, *chunk) : ""};
  }
  if (const auto* progress = std::get_if<ProgressEvent>(&event.what)) {
    return {format.progress(reply, *progress)};
  }
  if (auto* end = std::get_if<EndEvent>(&event.what)) {
    const auto rest = reply.finish(std::move(*end));
    std::string text = rest ? format.chunk(reply, *rest) : "";
    return {text + format.end(reply, replies), true};
  }
  if (std::holds_alternative<StartedEvent>(event.what)) return {format.started(reply)};
  return {};
}

http::Task<http::Response> collect(http::Exchange& exchange, Generation& generation,
                                   std::vector<SequenceReply>& replies, ReplyFormat& format) {
  std::size_t ended = 0;
  while (ended < replies.size()) {
    auto event = co_await generation.next(std::chrono::milliseconds::max());
    if (!event) co_return http::Response{};  // the client has gone: nobody reads this
    if (const auto* error = std::get_if<ErrorEvent>(&event->what)) {
      note_error(exchange.notes, error->message);
      co_return format.refusal(*to_exception(*error));
    }
    SequenceReply& reply = replies.at(event->index);
    if (auto* token = std::get_if<TokenEvent>(&event->what)) {
      reply.add(std::move(*token));
    } else if (auto* end = std::get_if<EndEvent>(&event->what)) {
      reply.finish(std::move(*end));
      ++ended;
    }
  }
  co_await exchange.to_worker();  // replies may be large
  co_return http::json_response(200, format.whole(replies));
}

/// Events that are there already go out in one write, up to about this much.
constexpr std::size_t kWriteBytes = 16 << 10;

/// Nobody wants the rest: the client has gone, or a recorded stream was cancelled.
http::Response given_up(StreamOutput& out, ReplyFormat& format) {
  out.leave_word(format.error(
      RequestError(503, "unavailable_error", "this reply was ended before it was complete")));
  return {};
}

/// The reply, when it fails before the stream has begun.
http::Task<http::Response> send_events(http::Exchange& exchange, StreamOutput& out,
                                       Generation& generation, std::vector<SequenceReply>& replies,
                                       const Job& job) {
  using std::chrono::milliseconds;
  const milliseconds silence = job.params.ping_interval_s > 0
                                   ? std::chrono::seconds(job.params.ping_interval_s)
                                   : milliseconds::max();
  ReplyFormat& format = *job.format;
  std::size_t ended = 0;
  bool has_failed = false;
  while (ended < replies.size() && !has_failed) {
    // Until the head is sent an error is an ordinary reply, so there are no pings before it.
    auto event = co_await generation.next(out.has_begun() ? silence : milliseconds::max());
    std::string text;
    if (!event) {
      if (!generation.timed_out()) co_return given_up(out, format);
      text = format.ping();
    } else if (!out.has_begun()) {
      if (const auto* error = std::get_if<ErrorEvent>(&event->what)) {
        note_error(exchange.notes, error->message);
        out.leave_word(format.error(*to_exception(*error)));
        co_return format.refusal(*to_exception(*error));
      }
      co_await out.begin();
    }
    for (; event; event = text.size() < kWriteBytes ? generation.try_next() : std::nullopt) {
      if (const auto* error = std::get_if<ErrorEvent>(&event->what)) {
        note_error(exchange.notes, error->message);
        text += format.error(*to_exception(*error));
        has_failed = true;  // the stream ends without the format's closing
        break;
      }
      Taken taken = take(std::move(*event), replies, format);
      ended += taken.has_ended;
      text += taken.text;
    }
    if (ended == replies.size()) text += format.close(replies);
    if (!text.empty() && !co_await out.write(text)) co_return given_up(out, format);
  }
  co_return http::Response{};
}

http::Task<http::Response> stream(StreamStore& streams, http::Exchange& exchange,
                                  Generation& generation, std::vector<SequenceReply>& replies,
                                  const Job& job) {
  StreamOutput out(job.is_resumable ? &streams : nullptr, exchange, generation.canceller());
  http::Response response;
  std::exception_ptr problem;
  try {
    response = co_await send_events(exchange, out, generation, replies, job);
  } catch (...) {
    problem = std::current_exception();
  }
  co_await out.finish();
  if (problem) std::rethrow_exception(problem);
  co_return response;
}

/// Counts what a request has used against its key's limit, however it ends.
class Spending {
 public:
  Spending(http::Exchange& exchange, const Job& job, const std::vector<SequenceReply>& replies)
      : exchange_(exchange), job_(job), replies_(replies) {}
  ~Spending() {
    std::size_t count = 0;
    for (const auto& prompt : job_.prompts) count += prompt.size();
    for (const SequenceReply& reply : replies_) count += reply.tokens().size();
    exchange_.spend_tokens(static_cast<std::int64_t>(count));
  }
  Spending(const Spending&) = delete;
  Spending& operator=(const Spending&) = delete;

 private:
  http::Exchange& exchange_;
  const Job& job_;
  const std::vector<SequenceReply>& replies_;
};

/// The engine gives the same text again: nothing is drawn, or always the same.
bool is_repeatable(const CompletionParams& params) {
  return params.sampling.temperature <= 0 || params.sampling.seed != kRandomSeed;
}

}  // namespace

http::Task<http::Response> run(Service& service, http::Exchange& exchange, Job job) {
  for (const std::string& notice : job.params.notices) {
    log::write(log::Level::warn, exchange.request().id, notice);
  }
  auto replies = make_replies(service.serving(), job);
  service.observer().prompts(exchange.request(), job.prompts, service.serving().tokenizer);
  const auto params = std::make_shared<const CompletionParams>(job.params);
  Generation generation(service, make_requests(service, exchange, job), params);
  const Spending spending(exchange, job, replies);
  http::Response response;
  if (job.params.stream) {
    response = co_await stream(service.streams(), exchange, generation, replies, job);
  } else {
    exchange.on_client_gone(generation.canceller());
    response = co_await collect(exchange, generation, replies, *job.format);
  }
  service.observer().generated(exchange, replies, job.params.choices, is_repeatable(job.params));
  co_return response;
}

http::Response ReplyFormat::refusal(const RequestError& error) {
  return error_response(error);
}

std::string ReplyFormat::error(const RequestError& error) {
  return sse(dump(error_json(error)));
}

std::string sse(const std::string& data) {
  return "data: " + data + "\n\n";
}

std::string sse(const std::string& event, const std::string& data) {
  return "event: " + event + "\ndata: " + data + "\n\n";
}

}  // namespace llm::server
