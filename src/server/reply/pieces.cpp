#include "server/reply/pieces.h"

#include <cfloat>
#include <cmath>
#include <limits>
#include <random>

#include "base/utf8.h"

namespace llm::server {
namespace {

/// Division by zero gives NaN, which JSON prints as null.
double ratio(double value, double by) {
  return by == 0 ? std::numeric_limits<double>::quiet_NaN() : value / by;
}

double rounded_ms(double ms) {
  return std::round(ms * 1000) / 1000;
}

Json bytes_json(std::string_view bytes) {
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return list;
}

Json token_json(TokenId token, std::string_view bytes, float log_probability, bool post_sampling) {
  Json entry = {{"id", token}, {"token", utf8::sanitized(bytes)}, {"bytes", bytes_json(bytes)}};
  if (post_sampling) {
    entry["prob"] = std::exp(log_probability);
  } else {
    entry["logprob"] = std::max(log_probability, -FLT_MAX);
  }
  return entry;
}

}  // namespace

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json timings_json(const Timings& t) {
  const double prompt_ms = rounded_ms(t.prompt_ms);
  // The rates of the first token would be infinite.
  const double predicted_ms =
      t.predicted_tokens > 0 ? std::max(rounded_ms(t.predicted_ms), 0.001) : 0;
  return {{"cache_n", t.cached_tokens},
          {"prompt_n", t.prompt_tokens},
          {"prompt_ms", prompt_ms},
          {"prompt_per_token_ms", ratio(prompt_ms, t.prompt_tokens)},
          {"prompt_per_second", ratio(1000.0 * t.prompt_tokens, prompt_ms)},
          {"predicted_n", t.predicted_tokens},
          {"predicted_ms", predicted_ms},
          {"predicted_per_token_ms", ratio(predicted_ms, t.predicted_tokens)},
          {"predicted_per_second", ratio(1000.0 * t.predicted_tokens, predicted_ms)}};
}

Json progress_json(const ProgressEvent& progress) {
  return {{"total", progress.total},
          {"cache", progress.cached},
          {"processed", progress.processed},
          {"time_ms", static_cast<std::int64_t>(progress.time_ms)}};
}

Timings sum_of_timings(std::span<const SequenceReply> replies) {
  Timings sum;
  for (const SequenceReply& reply : replies) {
    const Timings& t = reply.timings();
    sum.cached_tokens += t.cached_tokens;
    sum.prompt_tokens += t.prompt_tokens;
    sum.prompt_ms += t.prompt_ms;
    sum.predicted_tokens += t.predicted_tokens;
    sum.predicted_ms += t.predicted_ms;
  }
  return sum;
}

Json score_json(const ScoredToken& scored, const Tokenizer& tokenizer, bool post_sampling) {
  Json entry = token_json(scored.token, scored.bytes, scored.log_probability, post_sampling);
  Json& top = entry[post_sampling ? "top_probs" : "top_logprobs"];
  top = Json::array();
  for (const TokenProbability& other : scored.top) {
    // Shown as text even when it is a control token, so that it can be told apart.
    top.push_back(token_json(other.token, tokenizer.piece(other.token, true), other.log_probability,
                             post_sampling));
  }
  return entry;
}

Json scores_json(std::span<const ScoredToken> scores, const Tokenizer& tokenizer,
                 bool post_sampling) {
  Json list = Json::array();
  for (const ScoredToken& scored : scores) {
    list.push_back(score_json(scored, tokenizer, post_sampling));
  }
  return list;
}

Json usage_json(std::span<const SequenceReply> replies, int choices) {
  std::int64_t prompt = 0, completion = 0, cached = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const Timings& t = replies[i].timings();
    completion += t.predicted_tokens;
    if (i % static_cast<std::size_t>(choices) != 0) continue;
    prompt += static_cast<std::int64_t>(replies[i].prompt().size());
    cached += t.cached_tokens;
  }
  return {{"completion_tokens", completion},
          {"prompt_tokens", prompt},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", {{"cached_tokens", cached}}}};
}

const char* stop_name(StopType stop) {
  switch (stop) {
    case StopType::eos:
      return "eos";
    case StopType::limit:
      return "limit";
    case StopType::word:
      return "word";
    case StopType::none:
      break;
  }
  return "none";
}

const char* finish_reason(StopType stop) {
  return stop == StopType::eos || stop == StopType::word ? "stop" : "length";
}

std::string random_letters(int count) {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> index(0, kLetters.size() - 1);
  std::string letters;
  for (int i = 0; i < count; ++i) letters += kLetters[index(random)];
  return letters;
}

std::string random_id(std::string_view prefix) {
  return std::string(prefix) + random_letters(32);
}

}  // namespace llm::server
