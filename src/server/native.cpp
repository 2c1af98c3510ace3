#include "server/native.h"

#include "base/error.h"
#include "base/utf8.h"
#include "server/generation.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/request/raw_job.h"

namespace llm::server {
Json NativeFormat::final_object(const SequenceReply& reply, bool in_stream) const {
  const EndEvent& end = reply.end();
  const bool show_tokens = params_.return_tokens && !in_stream;
  CompletionParams params = params_;  // of this choice
  if (params.sampling.seed != kRandomSeed) {
    params.sampling.seed += static_cast<unsigned>(reply.index() % params.choices);
  }
  Json object = {
      {"index", reply.index()},
      {"content", in_stream ? "" : reply.text()},
      {"tokens", show_tokens ? Json(reply.tokens()) : Json::array()},
      {"id_slot", end.slot},
      {"stop", true},
      {"model", serving_.card.id},
      {"tokens_predicted", end.timings.predicted_tokens},
      {"tokens_evaluated", reply.prompt().size()},
      {"generation_settings", settings_json(params, SettingsForm::full)},
      {"prompt", utf8::sanitized(serving_.tokenizer.decode(reply.prompt()))},
      {"has_new_line", end.has_new_line},
      {"truncated", end.truncated},
      {"stop_type", stop_name(end.stop)},
      {"stopping_word", end.stopping_word},
      {"tokens_cached", end.tokens_cached},
      {"timings", timings_json(end.timings)},
  };
  if (!in_stream && params_.sampling.n_probs > 0) {
    object["completion_probabilities"] =
        scores_json(reply.scores(), serving_.tokenizer, params_.sampling.post_sampling_probs);
  }
  return object;
}

std::string NativeFormat::whole(std::span<const SequenceReply> replies) {
  Json list = Json::array();
  for (const SequenceReply& reply : replies) {
    list.push_back(
        select_fields(final_object(reply, /*in_stream=*/false), params_.response_fields));
  }
  return dump(replies.size() == 1 ? list[0] : list);
}

Json NativeFormat::partial_object(const SequenceReply& reply) const {
  return {{"index", reply.index()},
          {"content", ""},
          {"tokens", Json::array()},
          {"stop", false},
          {"id_slot", -1},
          {"tokens_predicted", 0},
          {"tokens_evaluated", reply.prompt().size()}};
}

std::string NativeFormat::progress(const SequenceReply& reply, const ProgressEvent& event) {
  Json object = partial_object(reply);
  object["tokens"] = {0};  // as the reference does
  object["prompt_progress"] = progress_json(event);
  return sse(dump(object));
}

std::string NativeFormat::chunk(const SequenceReply& reply, const Chunk& chunk) {
  Json object = partial_object(reply);
  object["content"] = chunk.text;
  if (chunk.token != kNoToken) object["tokens"] = {chunk.token};
  object["tokens_predicted"] = chunk.predicted_tokens;
  if (params_.timings_per_token) object["timings"] = timings_json(chunk.timings);
  if (chunk.scored) {
    object["completion_probabilities"] = Json::array(
        {score_json(*chunk.scored, serving_.tokenizer, params_.sampling.post_sampling_probs)});
  }
  return sse(dump(object));
}

std::string NativeFormat::end(const SequenceReply& reply, std::span<const SequenceReply>) {
  return sse(dump(select_fields(final_object(reply, /*in_stream=*/true), params_.response_fields)));
}

Json select_fields(const Json& whole, const std::vector<std::string>& fields) {
  if (fields.empty()) return whole;
  Json selection = Json::object();
  for (const std::string& field : fields) {
    const Json* value = &whole;
    for (std::size_t at = 0; value != nullptr && at <= field.size();) {
      const std::size_t slash = std::min(field.find('/', at), field.size());
      const auto found = value->find(field.substr(at, slash - at));
      value = found == value->end() ? nullptr : &*found;
      at = slash + 1;
    }
    if (value != nullptr) selection[field] = *value;
  }
  return selection;
}

http::Task<http::Response> native_completion(Service& service, http::Exchange& exchange) {
  Serving& serving = service.serving();
  const Json body = parse_object(exchange.request().body, raw_fields());
  Job job = raw_job(body, serving);
  job.format = std::make_unique<NativeFormat>(serving, job.params);
  job.show_special = service.options().chat.special;
  co_return co_await run(service, exchange, std::move(job));
}

}  // namespace llm::server
