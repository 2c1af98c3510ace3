// JSON that several wire formats share: timings, probabilities, usage, ids.
#pragma once

#include <span>
#include <string>

#include "base/json.h"
#include "engine/engine.h"
#include "server/reply/sequence.h"

namespace llm::server {

/// Compact, invalid UTF-8 as U+FFFD.
std::string dump(const Json& json);

Json timings_json(const Timings& timings);
Json progress_json(const ProgressEvent& progress);

/// Over all choices, as one computation.
Timings sum_of_timings(std::span<const SequenceReply> replies);

/// One entry of `completion_probabilities` and `logprobs.content`. post_sampling: probabilities
/// behind the sampler chain instead of log-probabilities before it.
Json score_json(const ScoredToken& scored, const Tokenizer& tokenizer, bool post_sampling);
Json scores_json(std::span<const ScoredToken> scores, const Tokenizer& tokenizer,
                 bool post_sampling);

/// OpenAI's `usage`. A prompt counts once, however many choices were made from it; the choices'
/// tokens add up. `choices`: how many neighbours in `replies` share a prompt.
Json usage_json(std::span<const SequenceReply> replies, int choices);

/// "none", "eos", "limit" or "word".
const char* stop_name(StopType stop);
/// "stop" or "length".
const char* finish_reason(StopType stop);

/// prefix + 32 random letters and digits.
std::string random_id(std::string_view prefix);
std::string random_letters(int count);

}  // namespace llm::server
