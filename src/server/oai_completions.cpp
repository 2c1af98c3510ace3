#include "server/oai_completions.h"

#include <algorithm>

#include "base/utc.h"
#include "options/options.h"
#include "server/generation.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/request/raw_job.h"

namespace llm::server {

OaiCompletionsFormat::OaiCompletionsFormat(const Serving& serving, CompletionParams params)
    : serving_(serving),
      params_(params),
      native_(serving, std::move(params)),
      id_(random_id("chatcmpl-")),
      created_(unix_seconds()) {}

Json OaiCompletionsFormat::choice(const SequenceReply& reply, std::string text, Json logprobs,
                                  Json finish) const {
  return {{"text", std::move(text)},
          {"index", reply.index()},
          {"logprobs", std::move(logprobs)},
          {"finish_reason", std::move(finish)}};
}

Json OaiCompletionsFormat::head(Json choices) const {
  return {{"choices", std::move(choices)},
          {"created", created_},
          {"model", serving_.card.id},
          {"system_fingerprint", options::build_info()},
          {"object", "text_completion"}};
}

std::string OaiCompletionsFormat::whole(std::span<const SequenceReply> replies) {
  Json choices = Json::array();
  for (const SequenceReply& reply : replies) {
    Json logprobs;
    if (params_.sampling.n_probs > 0) {
      logprobs = {{"content", scores_json(reply.scores(), serving_.tokenizer,
                                          params_.sampling.post_sampling_probs)}};
    }
    choices.push_back(
        choice(reply, reply.text(), std::move(logprobs), finish_reason(reply.end().stop)));
  }
  Json body = head(std::move(choices));
  body["usage"] = usage_json(replies, params_.choices);
  body["id"] = id_;
  if (params_.verbose) body["__verbose"] = native_.final_object(replies[0], /*in_stream=*/false);
  body["timings"] = timings_json(sum_of_timings(replies));
  return dump(body);
}

Json OaiCompletionsFormat::partial(const SequenceReply& reply, std::string text,
                                   Json logprobs) const {
  Json body = head(Json::array({choice(reply, std::move(text), std::move(logprobs), Json())}));
  body["id"] = id_;
  return body;
}

std::string OaiCompletionsFormat::progress(const SequenceReply& reply, const ProgressEvent& event) {
  Json body = partial(reply, "", Json());
  body["prompt_progress"] = progress_json(event);
  return sse(dump(body));
}

std::string OaiCompletionsFormat::chunk(const SequenceReply& reply, const Chunk& chunk) {
  Json logprobs;
  if (chunk.scored) {
    logprobs = {{"content", Json::array({score_json(*chunk.scored, serving_.tokenizer,
                                                    params_.sampling.post_sampling_probs)})}};
  }
  Json body = partial(reply, chunk.text, std::move(logprobs));
  if (params_.timings_per_token) body["timings"] = timings_json(chunk.timings);
  return sse(dump(body));
}

/// The last sequence to end reports the usage of all: clients keep the last one they see.
std::string OaiCompletionsFormat::end(const SequenceReply& reply,
                                      std::span<const SequenceReply> replies) {
  const bool all = std::all_of(replies.begin(), replies.end(),
                               [](const SequenceReply& other) { return other.is_finished(); });
  const auto counted = all ? replies : std::span(&reply, 1);
  Json body = head(Json::array({choice(reply, "", Json(), finish_reason(reply.end().stop))}));
  body["usage"] = usage_json(counted, all ? params_.choices : 1);
  body["id"] = id_;
  if (params_.verbose) body["__verbose"] = native_.final_object(reply, /*in_stream=*/true);
  body["timings"] = timings_json(sum_of_timings(counted));
  return sse(dump(body));
}

std::string OaiCompletionsFormat::close(std::span<const SequenceReply>) {
  return sse("[DONE]");
}

http::Task<http::Response> oai_completions(Service& service, http::Exchange& exchange) {
  Serving& serving = service.serving();
  const Json body = parse_object(exchange.request().body, raw_fields());
  Job job = raw_job(body, serving);
  job.format = std::make_unique<OaiCompletionsFormat>(serving, job.params);
  job.show_special = service.options().chat.special;
  co_return co_await run(service, exchange, std::move(job));
}

}  // namespace llm::server
