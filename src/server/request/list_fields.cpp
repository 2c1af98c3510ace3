#include "server/request/list_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "base/error.h"
#include "server/request/adapter_scales.h"
#include "server/request/fields.h"
#include "server/request/shape.h"

namespace llm::server {
namespace {

constexpr std::size_t kMaxStopStrings = 1024;  // each is searched for at every token

void read_stop(const Json& value, const CompletionParams& defaults, CompletionParams& params) {
  std::vector<std::string> stop;
  if (value.is_string()) {
    stop.push_back(value.get<std::string>());
  } else if (value.is_array()) {
    stop = read_strings("stop", value);
  } else {
    wrong_type("stop", "string or array", value);
  }
  std::erase(stop, "");
  if (stop.size() > kMaxStopStrings) {
    bad_field("stop", fmt::format("Field 'stop': at most {} stop strings are possible, got {}",
                                  kMaxStopStrings, stop.size()));
  }
  params.stop = stop.empty() ? defaults.stop : std::move(stop);
}

/// Said in the log, but not for ever.
void note_unknown_sampler(const std::string& name, CompletionParams& params) {
  constexpr std::size_t kMostNotices = 8, kMostBytes = 64;
  if (params.notices.size() == kMostNotices) return;
  params.notices.push_back(
      fmt::format("unknown sampler '{}' is skipped", name.substr(0, kMostBytes)));
}

void read_samplers(const Json& value, const CompletionParams&, CompletionParams& params) {
  std::vector<SamplerKind> samplers;
  if (value.is_string()) {
    for (const char letter : value.get_ref<const std::string&>()) {
      try {
        samplers.push_back(samplers_from_chars(std::string(1, letter)).at(0));
      } catch (const std::exception&) {
        note_unknown_sampler(std::string(1, letter), params);
      }
    }
  } else if (value.is_array()) {
    for (const std::string& name : read_strings("samplers", value)) {
      try {
        samplers.push_back(sampler_kind(name));
      } catch (const std::out_of_range&) {
        note_unknown_sampler(name, params);
      }
    }
  } else {
    wrong_type("samplers", "array or string", value);
  }
  params.sampling.samplers = std::move(samplers);
}

/// The bias of an entry; nothing when it is malformed.
std::optional<float> bias_of(const Json& value) {
  if (value.is_boolean() && !value.get<bool>()) return -std::numeric_limits<float>::infinity();
  if (!value.is_number()) return std::nullopt;
  const auto bias = static_cast<float>(value.get<double>());
  return std::isnan(bias) ? std::nullopt : std::optional(bias);
}

std::optional<TokenId> id_of(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto id = value.get<std::int64_t>();
  return id < 0 || id > std::numeric_limits<TokenId>::max()
             ? std::nullopt
             : std::optional(static_cast<TokenId>(id));
}

/// Keys of the object form are ids in decimal, or texts.
LogitBias bias_of_key(const std::string& key, float bias) {
  TokenId id = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error == std::errc() && end == key.data() + key.size() && id >= 0) {
    return {.token = id, .bias = bias};
  }
  return {.text = key, .bias = bias};
}

void read_logit_bias(const Json& value, const CompletionParams&, CompletionParams& params) {
  if (!value.is_array() && !value.is_object()) wrong_type("logit_bias", "array or object", value);
  params.logit_bias.clear();
  if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) {
      if (const auto bias = bias_of(entry)) params.logit_bias.push_back(bias_of_key(key, *bias));
    }
    return;
  }
  for (const Json& entry : value) {
    if (!entry.is_array() || entry.size() != 2) continue;  // skipped, as in the reference
    const auto bias = bias_of(entry[1]);
    if (!bias) continue;
    if (const auto id = id_of(entry[0])) {
      params.logit_bias.push_back({.token = *id, .bias = *bias});
    } else if (entry[0].is_string()) {
      params.logit_bias.push_back({.text = entry[0].get<std::string>(), .bias = *bias});
    }
  }
}

void read_breakers(const Json& value, const CompletionParams&, CompletionParams& params) {
  const bool texts =
      value.is_array() && !value.empty() &&
      std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_string(); });
  if (!texts) {
    bad_field("dry_sequence_breakers",
              "Field 'dry_sequence_breakers': Error: dry_sequence_breakers must be a non-empty "
              "array of strings");
  }
  params.dry_sequence_breakers = value.get<std::vector<std::string>>();
}

void read_lora(const Json& value, const CompletionParams&, CompletionParams& params) {
  const auto is_entry = [](const Json& item) {
    return item.is_object() && (item.contains("id") || item.contains("name")) &&
           item.contains("scale");
  };
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_entry)) {
    bad_field("lora",
              "Field 'lora': Error: 'lora' must be an array of objects with 'id' and 'scale' "
              "fields");
  }
  params.lora = read_adapter_scales("lora", value);
}

void read_response_fields(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.response_fields = read_strings("response_fields", value);
}

void read_stream_options(const Json& value, const CompletionParams&, CompletionParams& params) {
  if (!value.is_object()) return;  // as in the reference
  if (const Json* usage = find(value, "include_usage")) {
    params.include_usage = read_bool("stream_options.include_usage", *usage);
  }
}

void read_triggers(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.grammar_triggers = triggers_of(value);
}

void read_preserved(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.preserved_tokens = read_strings("preserved_tokens", value);
}

void read_budget_message(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.reasoning.message = read_string("reasoning_budget_message", value);
}

void read_start_tag(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.reasoning.start_tag = read_string("reasoning_budget_start_tag", value);
}

void read_end_tag(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.reasoning.end_tags = {read_string("reasoning_budget_end_tag", value)};
}

void read_end_tags(const Json& value, const CompletionParams&, CompletionParams& params) {
  params.reasoning.end_tags = read_strings("reasoning_budget_end_tags", value);
}

struct ListField {
  std::string_view name;
  void (*read)(const Json& value, const CompletionParams& defaults, CompletionParams& params);
  std::string_view schema;  // text of its JSON Schema
};

// The only list of these fields. The rows keep a compact layout of their own.
// clang-format off
constexpr ListField kListFields[] = {
    {"stop", read_stop,
     R"({"type":["string","array"],"items":{"type":"string"},"maxItems":1024,"description":"texts that end the reply"})"},
    {"samplers", read_samplers,
     R"({"type":["array","string"],"items":{"type":"string"},"description":"samplers in their order, as names or letters"})"},
    {"logit_bias", read_logit_bias,
     R"({"type":["array","object"],"description":"[token, bias] pairs, or biases by token; false: never"})"},
    {"dry_sequence_breakers", read_breakers,
     R"({"type":"array","items":{"type":"string"},"minItems":1,"description":"texts that end a repetition"})"},
    {"lora", read_lora,
     R"({"type":"array","items":{"type":"object","required":["id","scale"],"properties":{"id":{"type":"integer"},"scale":{"type":"number"}}},"description":"adapters of this request"})"},
    {"response_fields", read_response_fields,
     R"({"type":"array","items":{"type":"string"},"description":"of a native reply only these keys; a/b picks a nested one"})"},
    {"stream_options", read_stream_options,
     R"({"description":"include_usage: the usage as a last event"})"},
    {"grammar_triggers", read_triggers,
     R"({"type":"array","items":{"type":"object","required":["type","value"]},"description":"what wakes a lazy grammar"})"},
    {"preserved_tokens", read_preserved,
     R"({"type":"array","items":{"type":"string"},"description":"control tokens that are shown"})"},
    {"reasoning_budget_message", read_budget_message,
     R"({"type":"string","description":"text that ends thoughts which ran out of budget"})"},
    {"reasoning_budget_start_tag", read_start_tag,
     R"({"type":"string","description":"begins thoughts, in raw completions"})"},
    {"reasoning_budget_end_tag", read_end_tag,
     R"({"type":"string","description":"ends thoughts, in raw completions"})"},
    {"reasoning_budget_end_tags", read_end_tags,
     R"({"type":"array","items":{"type":"string"},"description":"several of them"})"},
};
// clang-format on

}  // namespace

void read_list_fields(const Json& body, const CompletionParams& defaults,
                      CompletionParams& params) {
  for (const ListField& field : kListFields) {
    if (const Json* value = find(body, field.name)) field.read(*value, defaults, params);
  }
}

void add_list_schemas(Json& properties) {
  for (const ListField& field : kListFields) {
    properties[std::string(field.name)] = Json::parse(field.schema);
  }
}

}  // namespace llm::server
