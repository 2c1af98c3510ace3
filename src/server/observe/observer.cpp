#include "server/observe/observer.h"

#include "base/log.h"
#include "base/utf8.h"
#include "server/reply/pieces.h"

namespace llm::server {
namespace {

double per_second(int tokens, double ms) {
  return ms > 0 ? tokens * 1000 / ms : 0;
}

void log_timings(const std::string& request, const SequenceReply& reply) {
  const Timings& t = reply.timings();
  const log::Field fields[] = {
      {"sequence", std::int64_t{reply.index()}},
      {"slot", std::int64_t{reply.end().slot}},
      {"cached_tokens", std::int64_t{t.cached_tokens}},
      {"prompt_tokens", std::int64_t{t.prompt_tokens}},
      {"prompt_ms", t.prompt_ms},
      {"prompt_tokens_per_s", per_second(t.prompt_tokens, t.prompt_ms)},
      {"predicted_tokens", std::int64_t{t.predicted_tokens}},
      {"predicted_ms", t.predicted_ms},
      {"predicted_tokens_per_s", per_second(t.predicted_tokens, t.predicted_ms)},
      {"stop", stop_name(reply.end().stop)}};
  log::write(log::Level::info, request, "timings", fields);
}

}  // namespace

Observer::Observer(const Options& options)
    : logs_timings_(options.log.perf),
      keeps_texts_(!options.request_log.path.empty() || !options.request_log.replay.empty()) {
  const RequestLogOptions& wanted = options.request_log;
  if (!wanted.path.empty()) {
    constexpr std::int64_t kMib = 1 << 20;
    log_ = std::make_unique<RequestLog>(RequestLog::Settings{
        .path = wanted.path, .redact = wanted.redact, .max_bytes = wanted.max_mib * kMib});
  }
  if (!options.log.prompts_dir.empty()) {
    prompts_ = std::make_unique<const PromptFiles>(options.log.prompts_dir);
  }
}

void Observer::answered(const http::Answered& answered) {
  metrics_.count(answered);
  if (log_ && answered.route != nullptr && answered.request.method == "POST") {
    log_->add({.time = std::chrono::system_clock::now(),
               .id = answered.request.id,
               .path = answered.request.path,
               .body = std::move(answered.request.body),
               .status = answered.status,
               .ms = answered.seconds * 1000,
               .notes = std::move(answered.notes)});
  }
}

void Observer::prompts(const http::Request& request,
                       const std::vector<std::vector<TokenId>>& prompts,
                       const Tokenizer& tokenizer) const {
  if (!prompts_) return;
  for (const auto& prompt : prompts) {
    prompts_->write(request.id, tokenizer.decode(prompt));
  }
}

void Observer::generated(http::Exchange& exchange, std::span<const SequenceReply> replies,
                         int choices, bool is_repeatable) const {
  const Timings all = sum_of_timings(replies);
  std::int64_t prompt_tokens = 0;
  http::Notes& notes = exchange.notes;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const SequenceReply& reply = replies[i];
    if (i % static_cast<std::size_t>(choices) == 0) {
      prompt_tokens += static_cast<std::int64_t>(reply.prompt().size());
    }
    notes.complete &= reply.is_finished();
    if (keeps_texts_) notes.texts.push_back(utf8::sanitized(reply.text()));
    if (logs_timings_) log_timings(exchange.request().id, reply);
  }
  notes.repeatable = is_repeatable;
  const log::Field fields[] = {{"prompt_tokens", prompt_tokens},
                               {"cached_tokens", std::int64_t{all.cached_tokens}},
                               {"predicted_tokens", std::int64_t{all.predicted_tokens}},
                               {"prompt_ms", all.prompt_ms},
                               {"predicted_ms", all.predicted_ms}};
  notes.fields.insert(notes.fields.end(), std::begin(fields), std::end(fields));
}

void Observer::write_metrics(Exposition& out) const {
  metrics_.write(out);
  if (!log_) return;
  out.family("llamacpp:request_log_dropped_total", "counter",
             "Requests that the request log lacks: too large, or the disk was too slow or full.");
  out.sample(static_cast<double>(log_->dropped()));
}

}  // namespace llm::server
