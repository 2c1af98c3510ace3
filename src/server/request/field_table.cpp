#include "server/request/field_table.h"

#include <fmt/format.h>

#include <cfloat>
#include <climits>
#include <cmath>

#include "server/request/body_fields.h"

namespace llm::server {
namespace {

using P = CompletionParams;
using S = SamplingParams;
using R = ReasoningParams;

// The only list of scalar fields. The rows keep a compact layout of their own.
// clang-format off
const Field kFields[] = {
    {{"stream"}, &P::stream, "send the reply as events"},
    {{"n_predict", "max_completion_tokens", "max_tokens"}, &P::max_tokens, "most tokens to generate; -1: until the context is full", Range::hard, -1, INT_MAX},
    {{"n_cmpl", "n"}, &P::choices, "replies per prompt; at most the number of slots", Range::slots},
    {{"id_slot"}, &P::slot, "wanted slot; -1: any"},
    {{"cache_prompt"}, &P::cache_prompt, "reuse what was computed for the same beginning of a prompt"},
    {{"n_cache_reuse"}, &P::cache_reuse, "smallest piece of a prompt that is reused at another position", Range::hard, 0, INT_MAX},
    {{"n_keep"}, &P::keep_tokens, "tokens of the prompt that a context shift keeps; -1: all", Range::hard, -1, INT_MAX},
    {{"n_discard"}, &P::discard_tokens, "tokens that a context shift drops; 0: half", Range::hard, 0, INT_MAX},
    {{"n_indent"}, &P::min_line_indent, "end at a line that is indented by less", Range::hard, 0, INT_MAX},
    {{"t_max_predict_ms"}, &P::max_predict_ms, "end at the first new line after so many milliseconds; -1: never", Range::hard, -1, 1e15},
    {{"ignore_eos"}, &P::ignore_eos, "never generate a token that ends the text"},
    {{"return_tokens"}, &P::return_tokens, "token ids in native replies"},
    {{"timings_per_token"}, &P::timings_per_token, "timings in every event of a stream"},
    {{"return_progress"}, &P::return_progress, "events while the prompt is read, in a stream"},
    {{"sse_ping_interval"}, &P::ping_interval_s, "seconds of silence before a comment is sent; 0 and -1: never", Range::hard, -1, INT_MAX},
    {{"verbose"}, &P::verbose, "the native form of the reply, too, as __verbose"},
    {{"backend_sampling"}, &P::backend_sampling, "accepted, has no effect"},
    {{"grammar_lazy"}, &P::grammar_lazy, "the grammar sleeps until a trigger fires"},
    {{"reasoning_budget_tokens", "thinking_budget_tokens"}, &R::budget, "most tokens of thought; -1: no limit", Range::hard, -1, INT_MAX},
    {{"reasoning_control"}, &R::control, "thoughts may be ended by the control endpoint"},
    {{"seed"}, &S::seed, "of the random numbers; 4294967295 and -1: a random one"},
    {{"temperature"}, &S::temperature, "0: always the likeliest token", Range::clamp, 0, FLT_MAX},
    {{"dynatemp_range"}, &S::dynatemp_range, "dynamic temperature: how far from temperature; 0: off"},
    {{"dynatemp_exponent"}, &S::dynatemp_exponent, "dynamic temperature: exponent on the entropy"},
    {{"top_k"}, &S::top_k, "keep so many of the likeliest tokens; 0: off", Range::clamp, 0, INT_MAX},
    {{"top_p"}, &S::top_p, "keep the likeliest tokens that together reach this probability; 1: off", Range::clamp, 0, 1},
    {{"min_p"}, &S::min_p, "drop tokens less likely than this share of the best one; 0: off", Range::clamp, 0, 1},
    {{"top_n_sigma"}, &S::top_n_sigma, "drop logits so many standard deviations below the best; 0 and below: off"},
    {{"typical_p"}, &S::typical_p, "locally typical sampling; 1: off"},
    {{"xtc_probability"}, &S::xtc_probability, "chance of removing the top choices; 0: off", Range::clamp, 0, 1},
    {{"xtc_threshold"}, &S::xtc_threshold, "probability that makes a token a top choice; above 0.5: off", Range::clamp, 0, 1},
    {{"repeat_last_n"}, &S::repeat_last_n, "tokens that the penalties look back; 0: off", Range::hard, 0, INT_MAX},
    {{"repeat_penalty"}, &S::repeat_penalty, "on repeated tokens; above 0; 1: off"},
    {{"frequency_penalty"}, &S::frequency_penalty, "on tokens for each time they occurred; 0: off"},
    {{"presence_penalty"}, &S::presence_penalty, "on tokens that occurred; 0: off"},
    {{"dry_multiplier"}, &S::dry_multiplier, "strength of the penalty on repeated sequences; 0: off"},
    {{"dry_base"}, &S::dry_base, "how that penalty grows with length"},
    {{"dry_allowed_length"}, &S::dry_allowed_length, "length of repetition that passes", Range::hard, 0, INT_MAX},
    {{"dry_penalty_last_n"}, &S::dry_penalty_last_n, "tokens that it looks back; 0: off", Range::hard, 0, INT_MAX},
    {{"mirostat"}, &S::mirostat, "version 1 or 2 in place of the samplers; 0: off", Range::clamp, 0, 2},
    {{"mirostat_tau"}, &S::mirostat_tau, "target entropy"},
    {{"mirostat_eta"}, &S::mirostat_eta, "learning rate"},
    {{"adaptive_target"}, &S::adaptive_target, "probability to aim at; below 0: off", Range::clamp, -FLT_MAX, 1},
    {{"adaptive_decay"}, &S::adaptive_decay, "how slowly the average forgets", Range::hard, 0, 0.99},
    {{"min_keep"}, &S::min_keep, "tokens that samplers leave at least", Range::hard, 0, INT_MAX},
    {{"n_probs", "logprobs"}, &S::n_probs, "probabilities of so many of the likeliest tokens", Range::clamp, 0, INT_MAX},
    {{"post_sampling_probs"}, &S::post_sampling_probs, "those after the samplers, not the raw ones"},
};
// clang-format on

/// The shortest digits of a float, not those of the double that it widens to.
Json number_json(double value) {
  return Json::parse(fmt::format("{}", static_cast<float>(value)));
}

template <class T>
Json schema_of_type(T default_value) {
  if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}, {"default", default_value}};
  } else if constexpr (std::is_same_v<T, float>) {
    return {{"type", "number"}, {"default", number_json(default_value)}};
  } else {
    return {{"type", "integer"}, {"default", default_value}};
  }
}

}  // namespace

std::span<const Field> shared_fields() {
  return kFields;
}

Json schema_of(const Field& field) {
  static const CompletionParams defaults;
  Json schema =
      std::visit([](auto member) { return schema_of_type(field_at(defaults, member)); }, field.to);
  schema["description"] = field.about;
  if (field.range == Range::slots) schema["minimum"] = 1;
  if (field.range != Range::hard) return schema;  // others are pulled to the bounds
  const auto bound = [&](double value) {
    return schema["type"] == "integer" ? Json(static_cast<std::int64_t>(value))
                                       : number_json(value);
  };
  schema["minimum"] = bound(field.low);
  schema["maximum"] = bound(field.high);
  return schema;
}

}  // namespace llm::server
