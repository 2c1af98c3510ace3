#include "server/chat/oai_chat.h"

#include <utility>

#include "base/utc.h"
#include "options/options.h"
#include "server/generation.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"

namespace llm::server {
namespace {

/// The first piece of a call names it, later ones only go on.
Json call_delta(const chat::CallPiece& piece) {
  if (piece.name.empty() && piece.id.empty()) {
    return {{"index", piece.index}, {"function", {{"arguments", piece.arguments}}}};
  }
  return {{"index", piece.index},
          {"id", piece.id},
          {"type", "function"},
          {"function", {{"name", piece.name}, {"arguments", piece.arguments}}}};
}

/// What the stream's chunks carry, in order.
std::vector<Json> delta_list(const chat::MessageDelta& delta) {
  std::vector<Json> list;
  if (!delta.reasoning.empty()) list.push_back({{"reasoning_content", delta.reasoning}});
  if (!delta.content.empty()) list.push_back({{"content", delta.content}});
  for (const chat::CallPiece& piece : delta.calls) {
    list.push_back({{"tool_calls", Json::array({call_delta(piece)})}});
  }
  return list;
}

}  // namespace

const char* chat_finish_reason(StopType stop, const chat::Message& message) {
  return is_natural(stop) && !message.calls.empty() ? "tool_calls" : finish_reason(stop);
}

Json chat_message_json(const chat::Message& message) {
  Json json = {{"role", "assistant"}, {"content", message.content}};
  if (!message.reasoning.empty()) json["reasoning_content"] = message.reasoning;
  for (const chat::ToolCall& call : message.calls) {
    json["tool_calls"].push_back(
        {{"type", "function"},
         {"function", {{"name", call.name}, {"arguments", call.arguments}}},
         {"id", call.id}});
  }
  return json;
}

OaiChatFormat::OaiChatFormat(const Serving& serving, LiveRequests& live, CompletionParams params,
                             ReplyPlan plan, std::shared_ptr<ReasoningSwitch> control)
    : serving_(serving),
      live_(live),
      params_(params),
      native_(serving, std::move(params)),
      messages_(std::move(plan)),
      id_(random_id("chatcmpl-")),
      created_(unix_seconds()) {
  live_.begin_completion(id_, std::move(control));
}

OaiChatFormat::~OaiChatFormat() {
  live_.end_completion(id_);
}

Json OaiChatFormat::score(const ScoredToken& scored) const {
  return score_json(scored, serving_.tokenizer, params_.sampling.post_sampling_probs);
}

std::string OaiChatFormat::whole(std::span<const SequenceReply> replies) {
  Json choices = Json::array();
  std::vector<std::string> warnings;
  for (const SequenceReply& reply : replies) {
    const chat::Message message = messages_.whole(reply);
    if (warnings.empty()) warnings = messages_.warnings(message);
    Json choice = {{"finish_reason", chat_finish_reason(reply.end().stop, message)},
                   {"index", reply.index()},
                   {"message", chat_message_json(message)}};
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
  if (!warnings.empty()) body["warnings"] = warnings;
  return dump(body);
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
  const auto index = static_cast<std::size_t>(reply.index());
  if (has_role_.size() <= index) has_role_.resize(index + 1);
  if (has_role_[index]) return {};
  has_role_[index] = true;
  const Json delta = {{"role", "assistant"}, {"content", nullptr}};
  return sse(dump(event(Json::array({choice(reply, delta, Json())}))));
}

std::string OaiChatFormat::progress(const SequenceReply& reply, const ProgressEvent& progress) {
  const Json delta = {{"role", "assistant"}, {"content", nullptr}};
  Json body = event(Json::array({choice(reply, delta, Json())}));
  body["prompt_progress"] = progress_json(progress);
  return sse(dump(body));
}

/// One event per delta; the token's probabilities sit on the last one.
std::string OaiChatFormat::deltas(const SequenceReply& reply, const chat::MessageDelta& delta,
                                  const Chunk* chunk) const {
  std::vector<Json> list = delta_list(delta);
  const bool has_score = chunk != nullptr && chunk->scored;
  if (list.empty() && has_score) list.push_back({{"content", ""}});
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Json part = choice(reply, std::move(list[i]), Json());
    if (has_score && i + 1 == list.size()) {
      part["logprobs"] = {{"content", Json::array({score(*chunk->scored)})}};
    }
    Json body = event(Json::array({std::move(part)}));
    if (chunk != nullptr && params_.timings_per_token) {
      body["timings"] = timings_json(chunk->timings);
    }
    text += sse(dump(body));
  }
  return text;
}

std::string OaiChatFormat::chunk(const SequenceReply& reply, const Chunk& chunk) {
  const std::string role = role_event(reply);
  return role + deltas(reply, messages_.feed(reply.index(), chunk.text), &chunk);
}

std::string OaiChatFormat::end(const SequenceReply& reply, std::span<const SequenceReply>) {
  std::string text = role_event(reply);
  text += deltas(reply, messages_.finish(reply.index(), reply.end().stop), nullptr);
  const chat::Message& message = messages_.message(reply.index());
  const char* reason = chat_finish_reason(reply.end().stop, message);
  Json body = event(Json::array({choice(reply, Json::object(), reason)}));
  if (!params_.include_usage) body["timings"] = timings_json(reply.timings());
  if (params_.verbose) body["__verbose"] = native_.final_object(reply, /*in_stream=*/true);
  const auto warnings = messages_.warnings(message);
  if (!warnings.empty()) body["warnings"] = warnings;
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
  ChatJob chat = make_chat_job(service, parse_object(exchange.request().body, chat_fields()));
  chat.job.format =
      std::make_unique<OaiChatFormat>(service.serving(), service.live(), chat.job.params,
                                      std::move(chat.plan), std::move(chat.control));
  chat.job.is_resumable = true;
  co_return co_await run(service, exchange, std::move(chat.job));
}

}  // namespace llm::server
