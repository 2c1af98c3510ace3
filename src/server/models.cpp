// /v1/models: what this server serves.
#include "base/json.h"
#include "base/utc.h"
#include "server/endpoints.h"
#include "server/props.h"
#include "server/reply/pieces.h"
#include "server/vectors.h"

namespace llm::server {
namespace {

/// What the model can do, in Ollama's words.
Json capabilities_of(const Service& service, const Serving& serving) {
  if (serving.card.info.has_logits) return {"completion"};
  if (pooling_of(service.options(), serving) == Pooling::rank) return {"rerank"};
  return {"embedding"};
}

/// The form of Ollama's list.
Json ollama_entry(const Service& service, const Serving& serving) {
  const ModelCard& card = serving.card;
  return {{"name", card.id},
          {"model", card.id},
          {"modified_at", ""},
          {"size", ""},
          {"digest", ""},
          {"type", "model"},
          {"description", ""},
          {"tags", {""}},
          {"capabilities", capabilities_of(service, serving)},
          {"parameters", ""},
          {"details",
           {{"parent_model", ""},
            {"format", "gguf"},
            {"family", ""},
            {"families", {""}},
            {"parameter_size", ""},
            {"quantization_level", ""}}}};
}

Json openai_entry(const Serving& serving) {
  const ModelCard& card = serving.card;
  return {{"id", card.id},
          {"aliases", card.aliases},
          {"tags", card.tags},
          {"object", "model"},
          {"created", unix_seconds()},
          {"owned_by", "llamacpp"},
          {"meta",
           {{"vocab_type", static_cast<int>(serving.tokenizer.kind())},
            {"n_vocab", serving.tokenizer.size()},
            {"n_ctx", serving.engine.slot_context()},
            {"n_ctx_train", card.info.context_train},
            {"n_embd", card.info.width},
            {"n_params", card.info.parameters},
            {"size", card.info.weight_bytes},
            {"ftype", card.info.file_type}}}};
}

}  // namespace

Json models_json(const Service& service, const Serving& serving) {
  return {{"models", Json::array({ollama_entry(service, serving)})},
          {"object", "list"},
          {"data", Json::array({openai_entry(serving)})}};
}

http::Response models(Service& service, const http::Request&) {
  const auto lease = service.residence().look();
  if (lease) return http::json_response(200, dump(models_json(service, service.serving())));
  return http::json_response(200, dump(service.asleep().models));
}

}  // namespace llm::server
