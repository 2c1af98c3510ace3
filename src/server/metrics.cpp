// /metrics: Prometheus text format 0.0.4. The first block has the reference's names; the rest is
// about what the reference has not (queue, pages, statuses).
#include <fmt/format.h>

#include "server/endpoints.h"
#include "server/errors.h"

namespace llm::server {
namespace {

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  double (*value)(const EngineStats& stats);
};

double rate(double count, double seconds) {
  return seconds > 0 ? count / seconds : 0;
}

constexpr double none(const EngineStats&) {
  return 0;
}

const Metric kMetrics[] = {
    {"prompt_tokens_total", "counter", "Prompt tokens computed, without those found in the cache.",
     [](const EngineStats& s) { return static_cast<double>(s.prompt_tokens); }},
    {"prompt_seconds_total", "counter", "Seconds spent on prompts.",
     [](const EngineStats& s) { return s.prompt_seconds; }},
    {"tokens_predicted_total", "counter", "Tokens generated.",
     [](const EngineStats& s) { return static_cast<double>(s.predicted_tokens); }},
    {"tokens_predicted_seconds_total", "counter", "Seconds spent generating.",
     [](const EngineStats& s) { return s.predicted_seconds; }},
    {"n_decode_total", "counter", "Batches computed.",
     [](const EngineStats& s) { return static_cast<double>(s.decode_calls); }},
    {"n_tokens_max", "counter", "Most tokens that one sequence has held.",
     [](const EngineStats& s) { return static_cast<double>(s.tokens_max); }},
    {"spec_decode_num_draft_tokens_total", "counter", "Tokens drafted.", none},
    {"spec_decode_num_accepted_tokens_total", "counter", "Drafted tokens accepted.", none},
    {"spec_decode_num_drafts_total", "counter", "Verification steps.", none},
    {"prompt_tokens_seconds", "gauge", "Average prompt tokens per second since start.",
     [](const EngineStats& s) {
       return rate(static_cast<double>(s.prompt_tokens), s.prompt_seconds);
     }},
    {"predicted_tokens_seconds", "gauge", "Average generated tokens per second since start.",
     [](const EngineStats& s) {
       return rate(static_cast<double>(s.predicted_tokens), s.predicted_seconds);
     }},
    {"requests_processing", "gauge", "Sequences being computed.",
     [](const EngineStats& s) { return static_cast<double>(s.processing); }},
    {"requests_deferred", "gauge", "Sequences waiting for a slot.",
     [](const EngineStats& s) { return static_cast<double>(s.waiting); }},
    {"n_busy_slots_per_decode", "gauge", "Average busy slots per batch.",
     [](const EngineStats& s) {
       return rate(static_cast<double>(s.busy_slots_sum), static_cast<double>(s.decode_calls));
     }},
    {"kv_pages", "gauge", "Pages of the key/value cache.",
     [](const EngineStats& s) { return static_cast<double>(s.pages); }},
    {"kv_pages_used", "gauge", "Pages held by running sequences.",
     [](const EngineStats& s) { return static_cast<double>(s.pages_used); }},
    {"kv_pages_cached", "gauge", "Pages kept for prompts to come, free on demand.",
     [](const EngineStats& s) { return static_cast<double>(s.pages_cached); }},
    {"kv_pages_shared", "gauge", "Pages used by more than one sequence.",
     [](const EngineStats& s) { return static_cast<double>(s.pages_shared); }},
    {"requests_cancelled_total", "counter", "Sequences ended because their client left.",
     [](const EngineStats& s) { return static_cast<double>(s.requests_cancelled); }},
};

/// Counters keep all digits; averages six.
std::string number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? fmt::format("{}", whole)
                                             : fmt::format("{:g}", value);
}

std::string head(std::string_view name, std::string_view type, std::string_view help) {
  return fmt::format("# HELP llamacpp:{0} {2}\n# TYPE llamacpp:{0} {1}\n", name, type, help);
}

}  // namespace

http::Response metrics(Service& service, const http::Request&) {
  if (!service.options().features.metrics) {
    not_supported("This server does not support metrics endpoint. Start it with `--metrics`");
  }
  const EngineStats stats = service.serving().engine.stats();
  std::string text;
  for (const Metric& metric : kMetrics) {
    text += head(metric.name, metric.type, metric.help);
    text += fmt::format("llamacpp:{} {}\n", metric.name, number(metric.value(stats)));
  }
  text += head("http_requests_total", "counter", "HTTP requests answered, by status.");
  for (const auto& [status, count] : service.status_counts()) {
    text += fmt::format("llamacpp:http_requests_total{{status=\"{}\"}} {}\n", status, count);
  }
  return {200,
          {{"Process-Start-Time-Unix", fmt::format("{}", service.start_unix_s())},
           {"Content-Type", "text/plain; version=0.0.4"}},
          std::move(text)};
}

}  // namespace llm::server
