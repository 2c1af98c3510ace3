// /metrics: Prometheus text format 0.0.4. First the reference's names, then what it does not
// measure, then the names that the gateways of Kubernetes and llm-d read, which are vLLM's.
#include <fmt/format.h>

#include "base/exposition.h"
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

double as_double(std::int64_t count) {
  return static_cast<double>(count);
}

constexpr double none(const EngineStats&) {
  return 0;
}

const Metric kMetrics[] = {
    {"llamacpp:prompt_tokens_total", "counter",
     "Prompt tokens computed, without those found in the cache.",
     [](const EngineStats& s) { return as_double(s.prompt_tokens); }},
    {"llamacpp:prompt_seconds_total", "counter", "Seconds spent on prompts.",
     [](const EngineStats& s) { return s.prompt_seconds; }},
    {"llamacpp:tokens_predicted_total", "counter", "Tokens generated.",
     [](const EngineStats& s) { return as_double(s.predicted_tokens); }},
    {"llamacpp:tokens_predicted_seconds_total", "counter", "Seconds spent generating.",
     [](const EngineStats& s) { return s.predicted_seconds; }},
    {"llamacpp:n_decode_total", "counter", "Batches computed.",
     [](const EngineStats& s) { return as_double(s.decode_calls); }},
    {"llamacpp:n_tokens_max", "counter", "Most tokens that one sequence has held.",
     [](const EngineStats& s) { return as_double(s.tokens_max); }},
    {"llamacpp:spec_decode_num_draft_tokens_total", "counter", "Tokens drafted.", none},
    {"llamacpp:spec_decode_num_accepted_tokens_total", "counter", "Drafted tokens accepted.", none},
    {"llamacpp:spec_decode_num_drafts_total", "counter", "Verification steps.", none},
    {"llamacpp:prompt_tokens_seconds", "gauge", "Average prompt tokens per second since start.",
     [](const EngineStats& s) { return rate(as_double(s.prompt_tokens), s.prompt_seconds); }},
    {"llamacpp:predicted_tokens_seconds", "gauge",
     "Average generated tokens per second since start.",
     [](const EngineStats& s) { return rate(as_double(s.predicted_tokens), s.predicted_seconds); }},
    {"llamacpp:requests_processing", "gauge", "Sequences being computed.",
     [](const EngineStats& s) { return as_double(s.processing); }},
    {"llamacpp:requests_deferred", "gauge", "Sequences waiting for a slot.",
     [](const EngineStats& s) { return as_double(s.waiting); }},
    {"llamacpp:n_busy_slots_per_decode", "gauge", "Average busy slots per batch.",
     [](const EngineStats& s) {
       return rate(as_double(s.busy_slots_sum), as_double(s.decode_calls));
     }},

    {"llamacpp:requests_cancelled_total", "counter", "Sequences ended because their client left.",
     [](const EngineStats& s) { return as_double(s.requests_cancelled); }},
    {"llamacpp:kv_pages", "gauge", "Pages of the key/value cache.",
     [](const EngineStats& s) { return as_double(s.pages); }},
    {"llamacpp:kv_pages_used", "gauge", "Pages held by running sequences.",
     [](const EngineStats& s) { return as_double(s.pages_used); }},
    {"llamacpp:kv_pages_cached", "gauge", "Pages kept for prompts to come, free on demand.",
     [](const EngineStats& s) { return as_double(s.pages_cached); }},
    {"llamacpp:kv_pages_shared", "gauge", "Pages used by more than one sequence.",
     [](const EngineStats& s) { return as_double(s.pages_shared); }},
    {"llamacpp:kv_pages_free", "gauge", "Pages that hold nothing.",
     [](const EngineStats& s) { return as_double(s.pages_free); }},
    {"llamacpp:kv_pages_stored", "gauge", "Pages outside the cache, in the memory of --cache-ram.",
     [](const EngineStats& s) { return as_double(s.pages_stored); }},
    {"llamacpp:kv_stored_bytes", "gauge", "Bytes of that memory in use.",
     [](const EngineStats& s) { return as_double(s.bytes_stored); }},
    {"llamacpp:kv_pages_evicted_total", "counter", "Pages that went from the cache to that memory.",
     [](const EngineStats& s) { return as_double(s.pages_evicted); }},
    {"llamacpp:kv_pages_revived_total", "counter", "Pages that came back from there.",
     [](const EngineStats& s) { return as_double(s.pages_revived); }},
    {"llamacpp:kv_tokens_moved_total", "counter",
     "Cached tokens that were moved to other positions.",
     [](const EngineStats& s) { return as_double(s.tokens_moved); }},

    {"vllm:num_requests_waiting", "gauge", "Sequences waiting for a slot.",
     [](const EngineStats& s) { return as_double(s.waiting); }},
    {"vllm:num_requests_running", "gauge", "Sequences being computed.",
     [](const EngineStats& s) { return as_double(s.processing); }},
    {"vllm:kv_cache_usage_perc", "gauge",
     "Share of the key/value cache that running sequences hold, 0 to 1.",
     [](const EngineStats& s) { return rate(as_double(s.pages_used), as_double(s.pages)); }},
};

struct Distribution {
  const char* name;
  const char* help;
  HistogramValues EngineHistograms::*values;
};

using H = EngineHistograms;
const Distribution kDistributions[] = {
    {"llamacpp:request_queue_seconds", "From the arrival of a sequence until it got a slot.",
     &H::queue_seconds},
    {"llamacpp:time_to_first_token_seconds", "From the arrival of a sequence to its first token.",
     &H::first_token_seconds},
    {"llamacpp:time_per_output_token_seconds", "Between two tokens of one sequence.",
     &H::output_token_seconds},
    {"llamacpp:request_seconds", "From the arrival of a sequence to its end.", &H::request_seconds},
    {"llamacpp:request_prompt_tokens", "Tokens of a sequence's prompt, cached ones included.",
     &H::prompt_tokens},
    {"llamacpp:request_output_tokens", "Tokens generated for a sequence.", &H::output_tokens},
    {"llamacpp:batch_tokens", "Tokens in one batch.", &H::step_tokens},
    {"llamacpp:batch_sequences", "Sequences in one batch.", &H::step_sequences},
    {"llamacpp:batch_seconds", "Time that one batch took.", &H::step_seconds},
};

}  // namespace

http::Response metrics(Service& service, const http::Request&) {
  if (!service.options().features.metrics) {
    not_supported("This server does not support metrics endpoint. Start it with `--metrics`");
  }
  const EngineStats stats = service.stats();
  Exposition out;
  for (const Metric& metric : kMetrics) {
    out.family(metric.name, metric.type, metric.help);
    out.sample(metric.value(stats));
  }
  out.family("vllm:cache_config_info", "gauge", "Size of the key/value cache, in its labels.");
  out.sample({{"block_size", std::to_string(stats.page_tokens)},
              {"num_gpu_blocks", std::to_string(stats.pages)}},
             1);
  for (const Distribution& one : kDistributions) {
    out.family(one.name, "histogram", one.help);
    out.histogram({}, stats.histograms.*one.values);
  }
  out.family("llamacpp:model_asleep", "gauge", "1 while the model is not in memory.");
  out.sample(service.residence().is_away() ? 1 : 0);
  service.observer().write_metrics(out);
  return {200,
          {{"Process-Start-Time-Unix", fmt::format("{}", service.start_unix_s())},
           {"Content-Type", "text/plain; version=0.0.4"}},
          out.take()};
}

}  // namespace llm::server
