#include "server/serving.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "base/error.h"
#include "base/log.h"

namespace llm::server {
namespace {

SamplingParams sampling_of(const SamplingOptions& o) {
  SamplingParams s;
  s.seed = o.seed;
  s.temperature = std::max(o.temperature, 0.0f);
  s.dynatemp_range = o.dynatemp_range;
  s.dynatemp_exponent = o.dynatemp_exponent;
  s.top_k = std::max(o.top_k, 0);
  s.top_p = o.top_p;
  s.min_p = o.min_p;
  s.top_n_sigma = o.top_n_sigma;
  s.typical_p = o.typical_p;
  s.xtc_probability = o.xtc_probability;
  s.xtc_threshold = o.xtc_threshold;
  s.repeat_last_n = o.repeat_last_n;
  s.repeat_penalty = o.repeat_penalty;
  s.presence_penalty = o.presence_penalty;
  s.frequency_penalty = o.frequency_penalty;
  s.dry_multiplier = o.dry_multiplier;
  s.dry_base = o.dry_base;
  s.dry_allowed_length = o.dry_allowed_length;
  s.dry_penalty_last_n = o.dry_penalty_last_n;
  s.mirostat = o.mirostat;
  s.mirostat_tau = o.mirostat_tau;
  s.mirostat_eta = o.mirostat_eta;
  s.adaptive_target = o.adaptive_target;
  s.adaptive_decay = o.adaptive_decay;
  s.samplers.clear();
  for (const std::string& name : o.samplers) s.samplers.push_back(sampler_kind(name));
  return s;
}

std::vector<SamplerKind> samplers_of(const std::string& sequence) {
  std::vector<SamplerKind> samplers;
  std::istringstream names(sequence);
  for (std::string name; std::getline(names, name, ';');) {
    try {
      samplers.push_back(sampler_kind(name));
    } catch (const std::out_of_range&) {
      log::warn("general.sampling.sequence: unknown sampler '{}' is skipped", name);
    }
  }
  return samplers;
}

/// A setting which the model file recommends and the command line may overrule.
template <class T>
struct Recommended {
  const char* key;
  const char* flag;
  T SamplingParams::*member;
};

constexpr Recommended<int> kIntegers[] = {
    {"general.sampling.top_k", "--top-k", &SamplingParams::top_k},
    {"general.sampling.penalty_last_n", "--repeat-last-n", &SamplingParams::repeat_last_n},
    {"general.sampling.mirostat", "--mirostat", &SamplingParams::mirostat},
};
constexpr Recommended<float> kNumbers[] = {
    {"general.sampling.temp", "--temp", &SamplingParams::temperature},
    {"general.sampling.top_p", "--top-p", &SamplingParams::top_p},
    {"general.sampling.min_p", "--min-p", &SamplingParams::min_p},
    {"general.sampling.xtc_probability", "--xtc-probability", &SamplingParams::xtc_probability},
    {"general.sampling.xtc_threshold", "--xtc-threshold", &SamplingParams::xtc_threshold},
    {"general.sampling.penalty_repeat", "--repeat-penalty", &SamplingParams::repeat_penalty},
    {"general.sampling.mirostat_tau", "--mirostat-ent", &SamplingParams::mirostat_tau},
    {"general.sampling.mirostat_eta", "--mirostat-lr", &SamplingParams::mirostat_eta},
};

template <class T, std::size_t N>
void take_recommended(const Recommended<T> (&rows)[N], const Options& options,
                      const gguf::Metadata& metadata, SamplingParams& sampling) {
  for (const Recommended<T>& row : rows) {
    if (options.is_given(row.flag)) continue;
    if (const auto value = metadata.get<T>(row.key)) sampling.*row.member = *value;
  }
}

chat::RenderSettings chat_settings_of(const ChatOptions& options, const Tokenizer& tokenizer) {
  const SpecialTokens& special = tokenizer.special();
  std::optional<bool> thinking;
  if (options.reasoning != "auto") thinking = options.reasoning == "on";
  return {.prefill_assistant = options.prefill_assistant,
          .enable_thinking = thinking,
          .preserve_reasoning = options.preserve_reasoning,
          .template_kwargs = Json::parse(options.chat_template_kwargs),
          .bos_token = token_text(tokenizer, special.bos),
          .eos_token = token_text(tokenizer, special.eos),
          .adds_bos = special.add_bos,
          .adds_eos = special.add_eos};
}

Shape shape_of(const SamplingOptions& options) {
  if (!options.grammar.empty()) {
    return {.kind = Shape::Kind::gbnf, .field = "--grammar", .text = options.grammar};
  }
  if (!options.json_schema.empty()) {
    return {.kind = Shape::Kind::schema,
            .field = "--json-schema",
            .schema = Json::parse(options.json_schema)};
  }
  return {};
}

}  // namespace

std::string token_text(const Tokenizer& tokenizer, TokenId token) {
  return tokenizer.is_valid(token) ? tokenizer.piece(token, /*show_special=*/true) : "";
}

ModelCard make_card(const ModelOptions& options, const std::string& name, const std::string& path,
                    const ModelInfo& info) {
  ModelCard card{.aliases = options.aliases, .tags = options.tags, .path = path, .info = info};
  if (card.aliases.empty()) card.aliases = {name};
  std::sort(card.aliases.begin(), card.aliases.end());
  std::sort(card.tags.begin(), card.tags.end());
  card.id = card.aliases.front();
  return card;
}

CompletionParams default_params(const Options& options, const gguf::Metadata& metadata) {
  CompletionParams params;
  params.sampling = sampling_of(options.sampling);
  take_recommended<std::int32_t>(kIntegers, options, metadata, params.sampling);
  take_recommended(kNumbers, options, metadata, params.sampling);
  const auto sequence = metadata.get<std::string>("general.sampling.sequence");
  if (sequence && !options.is_given("--samplers") && !options.is_given("--sampler-seq")) {
    params.sampling.samplers = samplers_of(*sequence);
  }
  for (const auto& [token, bias] : options.sampling.logit_bias) {
    params.logit_bias.push_back({.token = token, .bias = bias});
  }
  params.dry_sequence_breakers = options.sampling.dry_sequence_breakers;
  params.max_tokens = options.sampling.predict;
  params.ignore_eos = options.sampling.ignore_eos;
  params.stop = options.sampling.stop;
  params.keep_tokens = options.context.keep;
  params.cache_prompt = options.context.cache_prompt;
  params.cache_reuse = options.context.cache_reuse;
  params.ping_interval_s = options.http.sse_ping_interval_s;
  params.shape = shape_of(options.sampling);
  params.reasoning.budget = options.chat.reasoning_budget;
  params.reasoning.message = options.chat.reasoning_budget_message;
  // "auto" and "deepseek" are the same.
  const std::string& format = options.chat.reasoning_format;
  params.reasoning_format = format == "auto" ? "deepseek" : format;
  return params;
}

Serving::Serving(const Options& options, ModelCard card, const gguf::Metadata& metadata,
                 const Tokenizer& tokenizer, Engine& engine,
                 std::shared_ptr<const chat::Template> chat_template, std::shared_ptr<void> owner)
    : owner(std::move(owner)),
      card(std::move(card)),
      tokenizer(tokenizer),
      engine(engine),
      rerank_template(metadata.get_or<std::string>("tokenizer.chat_template.rerank", "")),
      chat_template(std::move(chat_template)),
      chat_settings(chat_settings_of(options.chat, tokenizer)),
      defaults(default_params(options, metadata)),
      resolver(tokenizer),
      grammars(tokenizer) {
  grammars.get(defaults.shape);  // a wrong one ends the program here, not every request
  find_reply_format();
}

Serving::Serving(std::shared_ptr<const Serving> origin, RuntimeChanges changed)
    : at_start(std::move(origin)),
      card(at_start->card),
      tokenizer(at_start->tokenizer),
      engine(at_start->engine),
      rerank_template(at_start->rerank_template),
      chat_template(at_start->chat_template),
      chat_settings(at_start->chat_settings),
      defaults(parse_params(changed.params, at_start->defaults, at_start->limits())),
      changes(std::move(changed)),
      resolver(tokenizer),
      grammars(tokenizer) {
  grammars.get(defaults.shape);
  if (!changes.chat_template.empty()) {
    try {
      chat_template = chat::Template::compile(changes.chat_template);
    } catch (const Error& error) {
      bad_field("chat_template", fmt::format("Field 'chat_template': {}", error.what()));
    }
  }
  find_reply_format();
}

void Serving::find_reply_format() {
  if (!chat_template) return;
  chat::DetectedFormat detected = chat::detect_format(*chat_template);
  format = std::move(detected.format);
  format_reason = std::move(detected.reason);
  auto tokens = tokens_of(tokenizer, format->preserved_tokens());
  // What ends a reply is no part of it.
  std::erase_if(tokens, [&](TokenId token) { return tokenizer.is_end_of_generation(token); });
  if (!tokens.empty()) {
    preserved_tokens = std::make_shared<const std::vector<TokenId>>(std::move(tokens));
  }
}

}  // namespace llm::server
