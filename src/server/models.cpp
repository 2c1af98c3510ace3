// /v1/models and /props: what this server serves, and how.
#include "base/json.h"
#include "options/options.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/vectors.h"

namespace llm::server {
namespace {

/// What the model can do, in Ollama's words.
Json capabilities_of(const Service& service) {
  if (service.serving().card.info.has_logits) return {"completion"};
  if (pooling_of(service) == Pooling::rank) return {"rerank"};
  return {"embedding"};
}

/// The form of Ollama's list.
Json ollama_entry(const Service& service) {
  const ModelCard& card = service.serving().card;
  return {{"name", card.id},
          {"model", card.id},
          {"modified_at", ""},
          {"size", ""},
          {"digest", ""},
          {"type", "model"},
          {"description", ""},
          {"tags", {""}},
          {"capabilities", capabilities_of(service)},
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

Json caps_json(const chat::TemplateCaps& caps) {
  return {{"supports_object_arguments", caps.supports_object_arguments},
          {"supports_parallel_tool_calls", caps.supports_parallel_tool_calls},
          {"supports_preserve_reasoning", caps.supports_preserve_reasoning},
          {"supports_string_content", caps.supports_string_content},
          {"supports_system_role", caps.supports_system_role},
          {"supports_tool_calls", caps.supports_tool_calls},
          {"supports_tools", caps.supports_tools},
          {"supports_typed_content", caps.supports_typed_content}};
}

/// Sampling defaults of this server; the rest are the built-in ones, whatever the command line says
/// (the reference shows them so).
Json default_settings(const Serving& serving) {
  CompletionParams params;
  params.sampling = serving.defaults.sampling;
  params.reasoning_format = "none";
  return {{"params", settings_json(params, SettingsForm::brief)},
          {"n_ctx", serving.engine.slot_context()}};
}

}  // namespace

http::Response models(Service& service, const http::Request&) {
  const Serving& serving = service.serving();
  return http::json_response(200, dump({{"models", Json::array({ollama_entry(service)})},
                                        {"object", "list"},
                                        {"data", Json::array({openai_entry(serving)})}}));
}

http::Response props(Service& service, const http::Request&) {
  const Serving& serving = service.serving();
  const FeatureOptions& features = service.options().features;
  const SpecialTokens& special = serving.tokenizer.special();
  const Json body = {
      {"default_generation_settings", default_settings(serving)},
      {"total_slots", serving.engine.slot_count()},
      {"model_alias", serving.card.id},
      {"model_ftype", serving.card.info.file_type},
      {"model_path", serving.card.path},
      {"modalities", {{"vision", false}, {"video", false}, {"audio", false}}},
      {"media_marker", service.media_marker()},
      {"endpoint_slots", features.slots},
      {"endpoint_props", features.props},
      {"endpoint_metrics", features.metrics},
      {"ui", features.ui},
      {"ui_settings", Json::parse(features.ui_config)},
      {"chat_template", serving.chat_template->source()},
      {"chat_template_caps", caps_json(serving.chat_template->caps())},
      {"bos_token", token_text(serving.tokenizer, special.bos)},
      {"eos_token", token_text(serving.tokenizer, special.eos)},
      {"build_info", options::build_info()},
      {"is_sleeping", false},
      {"cors_proxy_enabled", false},
      // Not in the reference: how replies are read, and why.
      {"chat_format", serving.format ? serving.format->name() : ""},
      {"chat_format_reason", serving.format_reason},
  };
  return http::json_response(200, dump(body));
}

/// Changes nothing, as in the reference.
http::Response set_props(Service& service, const http::Request&) {
  if (!service.options().features.props) {
    not_supported(
        "This server does not support changing global properties. Start it with `--props`");
  }
  return http::json_response(200, R"({"success":true})");
}

}  // namespace llm::server
