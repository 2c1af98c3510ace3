#include "server/oai_chat.h"

#include <utility>

#include "options/options.h"
#include "server/generation.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {

OaiChatFormat::OaiChatFormat(const Serving& serving, LiveRequests& live, CompletionParams params,
                             const ChatPrompt& prompt)
    : serving_(serving),
      live_(live),
      params_(params),
      native_(serving, std::move(params)),
      prefill_(prompt.prefill),
      streams_prefill_(prompt.streams_prefill),
      id_(random_id("chatcmpl-")),
      created_(unix_seconds()) {
  live_.begin_completion(id_);
}

OaiChatFormat::~OaiChatFormat() {
  live_.end_completion(id_);
}

Json OaiChatFormat::score(const ScoredToken& scored) const {
  return score_json(scored, serving_.tokenizer, params_.sampling.post_sampling_probs);
}

std::string OaiChatFormat::whole(std::span<const SequenceReply> replies) {
  Json choices = Json::array();
  for (const SequenceReply& reply : replies) {
    Json choice = {{"finish_reason", finish_reason(reply.end().stop)},
                   {"index", reply.index()},
                   {"message", {{"role", "assistant"}, {"content", prefill_ + reply.text()}}}};
    if (params_.sampling.n_probs > 0) {
      choice["logprobs"] = {{"content", scores_json(reply.scores(), serving_.tokenizer,
                                                    params_.sampling.post_sampling_probs)}};
    }
    choices.push_back(std::move(choice));
  }
  Json body = {{"choices", std::move(choices)},
               {"created", created_},
               {"model", serving_.card.id},
               {"system_fingerprint", options::build_info()},
               {"object", "chat.completion"},
               {"usage", usage_json(replies, params_.choices)},
               {"id", id_}};
  if (params_.verbose) body["__verbose"] = native_.final_object(replies[0], /*in_stream=*/false);
  body["timings"] = timings_json(sum_of_timings(replies));
  return dump(body);
}

OaiChatFormat::Progress& OaiChatFormat::progress_of(const SequenceReply& reply) {
  const auto index = static_cast<std::size_t>(reply.index());
  while (streams_.size() <= index) streams_.push_back({false, streams_prefill_ ? prefill_ : ""});
  return streams_[index];
}

Json OaiChatFormat::event(Json choices) const {
  return {{"choices", std::move(choices)},
          {"created", created_},
          {"id", id_},
          {"model", serving_.card.id},
          {"system_fingerprint", options::build_info()},
          {"object", "chat.completion.chunk"}};
}

Json OaiChatFormat::choice(const SequenceReply& reply, Json delta, Json finish) const {
  return {
      {"finish_reason", std::move(finish)}, {"index", reply.index()}, {"delta", std::move(delta)}};
}

/// Once per choice, in front of its first token.
std::string OaiChatFormat::role_event(const SequenceReply& reply) {
  if (std::exchange(progress_of(reply).has_role, true)) return {};
  const Json delta = {{"role", "assistant"}, {"content", nullptr}};
  return sse(dump(event(Json::array({choice(reply, delta, Json())}))));
}

std::string OaiChatFormat::progress(const SequenceReply& reply, const ProgressEvent& progress) {
  const Json delta = {{"role", "assistant"}, {"content", nullptr}};
  Json body = event(Json::array({choice(reply, delta, Json())}));
  body["prompt_progress"] = progress_json(progress);
  return sse(dump(body));
}

std::string OaiChatFormat::chunk(const SequenceReply& reply, const Chunk& chunk) {
  std::string text = role_event(reply);
  if (chunk.text.empty() && !chunk.scored) return text;
  std::string& unsent = progress_of(reply).unsent;
  Json part = choice(reply, {{"content", std::exchange(unsent, "") + chunk.text}}, Json());
  if (chunk.scored) part["logprobs"] = {{"content", Json::array({score(*chunk.scored)})}};
  Json body = event(Json::array({std::move(part)}));
  if (params_.timings_per_token) body["timings"] = timings_json(chunk.timings);
  return text + sse(dump(body));
}

std::string OaiChatFormat::end(const SequenceReply& reply, std::span<const SequenceReply>) {
  std::string text = role_event(reply);
  if (std::string& unsent = progress_of(reply).unsent; !unsent.empty()) {
    const Json delta = {{"content", std::exchange(unsent, "")}};
    text += sse(dump(event(Json::array({choice(reply, delta, Json())}))));
  }
  Json body = event(Json::array({choice(reply, Json::object(), finish_reason(reply.end().stop))}));
  if (!params_.include_usage) body["timings"] = timings_json(reply.timings());
  if (params_.verbose) body["__verbose"] = native_.final_object(reply, /*in_stream=*/true);
  return text + sse(dump(body));
}

std::string OaiChatFormat::close(std::span<const SequenceReply> replies) {
  std::string text;
  if (params_.include_usage) {
    Json body = event(Json::array());
    body["usage"] = usage_json(replies, params_.choices);
    body["timings"] = timings_json(sum_of_timings(replies));
    text = sse(dump(body));
  }
  return text + sse("[DONE]");
}

http::Task<http::Response> oai_chat(Service& service, http::Exchange& exchange) {
  Serving& serving = service.serving();
  const Json body = parse_object(exchange.request().body);
  Job job;
  job.params = parse_chat_params(body, serving.defaults, serving.limits());
  ChatPrompt prompt = render_chat(service, body);
  job.params.generation_prompt = prompt.generation_prompt;
  serving.resolver.resolve(job.params);
  job.show_special = prompt.show_special || service.options().chat.special;
  job.more_stop = prompt.stop;
  job.format = std::make_unique<OaiChatFormat>(serving, service.live(), job.params, prompt);
  job.prompts.push_back(std::move(prompt.tokens));
  co_return co_await run(service, exchange, std::move(job));
}

}  // namespace llm::server
