// /props: how this server serves its model.
#include "server/props.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "options/options.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

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
/// (the reference shows them so), until POST /props changes them.
Json default_settings(const Serving& serving) {
  CompletionParams params;
  params.sampling = serving.defaults.sampling;
  params.reasoning_format = "none";
  params = parse_params(serving.changes.params, params, serving.limits());
  return {{"params", settings_json(params, SettingsForm::brief)},
          {"n_ctx", serving.engine.slot_context()}};
}

/// What GET shows but no request or default could ask for.
constexpr std::array kFixed = {
    "chat_format", "reasoning_in_content", "generation_prompt", "speculative.types",
    "lora",        "reasoning_format",     "grammar_triggers",  "preserved_tokens"};

/// Moves the settings that `from` names into `params`.
void take_settings(const Json& from, Json& params) {
  static const Json kNames = settings_json({}, SettingsForm::full);
  for (const auto& [name, value] : from.items()) {
    const bool is_fixed = std::find(kFixed.begin(), kFixed.end(), name) != kFixed.end();
    // Two names of one setting: the later one counts.
    if (kNames.contains(name) && !is_fixed)
      params[name == "max_tokens" ? "n_predict" : name] = value;
  }
}

/// As they were asked for: which tokens they mean is found per request.
Json biases_json(const CompletionParams& params) {
  Json list = Json::array();
  for (const LogitBias& one : params.logit_bias) {
    list.push_back({one.token == kNoToken ? Json(one.text) : Json(one.token), one.bias});
  }
  return list;
}

}  // namespace

Json props_json(const Service& service, const Serving& serving, bool is_sleeping) {
  const FeatureOptions& features = service.options().features;
  const SpecialTokens& special = serving.tokenizer.special();
  return {
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
      {"is_sleeping", is_sleeping},
      {"cors_proxy_enabled", false},
      // Not in the reference: how replies are read, and why.
      {"chat_format", serving.format ? serving.format->name() : ""},
      {"chat_format_reason", serving.format_reason},
  };
}

RuntimeChanges with_changes(RuntimeChanges changes, const Json& wanted) {
  take_settings(wanted, changes.params);
  if (const Json* settings = find(wanted, "default_generation_settings")) {
    const Json* nested = settings->is_object() ? find(*settings, "params") : nullptr;
    for (const Json* one : {settings, nested}) {
      if (one == nullptr) continue;
      if (!one->is_object()) wrong_type("default_generation_settings", "object", *one);
      take_settings(*one, changes.params);
    }
  }
  if (const Json* source = find(wanted, "chat_template")) {
    changes.chat_template = read_string("chat_template", *source);
    if (changes.chat_template.empty()) {
      bad_field("chat_template", "Field 'chat_template': must not be empty");
    }
  }
  return changes;
}

Json difference_of(const Serving& before, const Serving& after) {
  Json difference = Json::object();
  const auto compare = [&](const std::string& name, const Json& from, const Json& to) {
    if (from != to) difference[name] = {{"from", from}, {"to", to}};
  };
  const Json from = settings_json(before.defaults, SettingsForm::full);
  const Json to = settings_json(after.defaults, SettingsForm::full);
  for (const auto& [name, value] : from.items()) compare(name, value, to[name]);
  compare("logit_bias", biases_json(before.defaults), biases_json(after.defaults));
  compare("chat_template", before.chat_template ? before.chat_template->source() : "",
          after.chat_template ? after.chat_template->source() : "");
  return difference;
}

http::Response props(Service& service, const http::Request&) {
  const auto lease = service.residence().look();
  if (lease) {
    return http::json_response(200, dump(props_json(service, service.serving(), false)));
  }
  return http::json_response(200, dump(service.asleep().props));
}

/// A body that names nothing that can be changed gets the reference's answer, which changes
/// nothing.
http::Response set_props(Service& service, const http::Request& request) {
  if (!service.options().features.props) {
    not_supported(
        "This server does not support changing global properties. Start it with `--props`");
  }
  Json answer = {{"success", true}};
  if (request.body.empty()) return http::json_response(200, dump(answer));
  Json changed = service.change(parse_object(request.body, props_fields()));
  if (!changed.empty()) {
    log::write(log::Level::info, request.id, "POST /props: " + dump(changed));
    answer["changed"] = std::move(changed);
  }
  return http::json_response(200, dump(answer));
}

}  // namespace llm::server
