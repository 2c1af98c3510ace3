#include "server/request/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "server/request/field_table.h"
#include "server/request/list_fields.h"
#include "server/request/shape.h"

namespace llm::server {
namespace {

using P = CompletionParams;

std::string_view type_name(const Json& value) {
  return value.type_name();
}

/// Integers take floats (truncated) and booleans; what an int64 cannot hold is its nearest value.
std::int64_t integer_of(const std::string& name, const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number()) wrong_type(name, "number", value);
  const double number = std::trunc(value.get<double>());
  if (number >= 9.2e18) return INT64_MAX;
  if (number <= -9.2e18) return INT64_MIN;
  return static_cast<std::int64_t>(number);
}

[[noreturn]] void out_of_range(const std::string& name, double low, double high, double got) {
  const auto print = [](double number) {
    return number == std::trunc(number) && std::abs(number) < 1e18
               ? fmt::format("{}", static_cast<std::int64_t>(number))
               : fmt::format("{:g}", number);
  };
  bad_field(name, fmt::format("Field '{}': Value must be between {} <= value <= {}, but got {}",
                              name, print(low), print(high), print(got)));
}

struct Bounds {
  Range range;
  double low, high;
};

double bounded(const std::string& name, double value, const Bounds& bounds) {
  if (value >= bounds.low && value <= bounds.high) return value;
  if (bounds.range != Range::clamp) out_of_range(name, bounds.low, bounds.high, value);
  return std::clamp(value, bounds.low, bounds.high);
}

/// The field's range, or what `T` holds when it has none.
template <class T>
Bounds bounds_of(const Field& field, const Limits& limits) {
  if (field.range == Range::slots) return {Range::hard, 1, static_cast<double>(limits.slots)};
  if (field.range != Range::any) return {field.range, field.low, field.high};
  return {Range::hard, static_cast<double>(std::numeric_limits<T>::lowest()),
          static_cast<double>(std::numeric_limits<T>::max())};
}

template <class T>
T value_of(const Field& field, const std::string& name, const Json& value, const Limits& limits) {
  if constexpr (std::is_same_v<T, bool>) {
    return read_bool(name, value);
  } else if constexpr (std::is_same_v<T, std::uint32_t>) {
    return static_cast<std::uint32_t>(integer_of(name, value));  // -1 wraps to "random"
  } else if constexpr (std::is_same_v<T, float>) {
    if (!value.is_number() && !value.is_boolean()) wrong_type(name, "number", value);
    const double number = value.is_boolean() ? value.get<bool>() : value.get<double>();
    return static_cast<float>(bounded(name, number, bounds_of<float>(field, limits)));
  } else {
    return static_cast<T>(
        bounded(name, static_cast<double>(integer_of(name, value)), bounds_of<T>(field, limits)));
  }
}

void read_field(const Field& field, const Json& body, const Limits& limits,
                CompletionParams& params) {
  for (const std::string_view name : field.names) {
    const Json* value = name.empty() ? nullptr : find(body, name);
    if (value == nullptr) continue;
    std::visit(
        [&](auto member) {
          auto& target = field_at(params, member);
          target =
              value_of<std::decay_t<decltype(target)>>(field, std::string(name), *value, limits);
        },
        field.to);
    return;
  }
}

/// Rules between fields.
void check(CompletionParams& params, const CompletionParams& defaults) {
  SamplingParams& s = params.sampling;
  if (!(s.repeat_penalty > 0)) {
    bad_field("repeat_penalty",
              "Failed to initialize samplers: penalty_repeat must be finite and greater than 0");
  }
  if (s.dry_base < 1) s.dry_base = defaults.sampling.dry_base;
  if (params.grammar_lazy && params.grammar_triggers.empty()) {
    bad_field("grammar_lazy", "Error: no triggers set for lazy grammar!");
  }
}

const Field* field_named(std::string_view name) {
  const auto has_name = [&](const Field& field) {
    return std::find(field.names.begin(), field.names.end(), name) != field.names.end();
  };
  const auto fields = shared_fields();
  const auto found = std::find_if(fields.begin(), fields.end(), has_name);
  return found == fields.end() ? nullptr : &*found;
}

Json logit_bias_json(const CompletionParams& params) {
  Json list = Json::array();
  for (const auto& [token, bias] : params.sampling.logit_bias) {
    list.push_back({{"bias", bias}, {"token", token}});
  }
  return list;
}

Json samplers_json(const CompletionParams& params) {
  Json list = Json::array();
  for (const SamplerKind kind : params.sampling.samplers) list.push_back(sampler_name(kind));
  return list;
}

Json grammar_json(const CompletionParams& params) {
  return params.shape.kind == Shape::Kind::gbnf ? Json(params.shape.text) : Json("");
}

Json lora_json(const CompletionParams& params) {
  Json list = Json::array();
  for (const AdapterScale& lora : params.lora) {
    Json& entry = list.emplace_back();
    if (lora.name.empty()) {
      entry["id"] = lora.id;
    } else {
      entry["name"] = lora.name;
    }
    entry["scale"] = lora.scale;
  }
  return list;
}

enum class Shown { always, full };  // full: only in the full form

/// One key of generation_settings: a field of the table, or what `make` returns.
struct Setting {
  std::string_view name;
  Json (*make)(const CompletionParams&) = nullptr;
  Shown shown = Shown::always;
};

// In the reference's order.
const Setting kSettings[] = {
    {"seed"},
    {"temperature"},
    {"dynatemp_range"},
    {"dynatemp_exponent"},
    {"top_k"},
    {"top_p"},
    {"min_p"},
    {"top_n_sigma"},
    {"xtc_probability"},
    {"xtc_threshold"},
    {"typical_p"},
    {"repeat_last_n"},
    {"repeat_penalty"},
    {"presence_penalty"},
    {"frequency_penalty"},
    {"dry_multiplier"},
    {"dry_base"},
    {"dry_allowed_length"},
    {"dry_penalty_last_n"},
    {"dry_sequence_breakers", [](const P& p) { return Json(p.dry_sequence_breakers); },
     Shown::full},
    {"mirostat"},
    {"mirostat_tau"},
    {"mirostat_eta"},
    {"adaptive_target"},
    {"adaptive_decay"},
    {"stop", [](const P& p) { return Json(p.stop); }, Shown::full},
    {"max_tokens"},
    {"n_predict"},
    {"n_keep"},
    {"n_discard"},
    {"ignore_eos"},
    {"stream"},
    {"logit_bias", logit_bias_json, Shown::full},
    {"n_probs"},
    {"min_keep"},
    {"grammar", grammar_json, Shown::full},
    {"grammar_lazy", [](const P& p) { return Json(p.grammar_lazy); }, Shown::full},
    {"grammar_triggers", triggers_json, Shown::full},
    {"preserved_tokens", [](const P& p) { return Json(p.preserved_tokens); }, Shown::full},
    {"chat_format", [](const P& p) { return Json(p.chat_format); }},
    {"reasoning_format", [](const P& p) { return Json(p.reasoning_format); }},
    {"reasoning_in_content", [](const P&) { return Json(false); }},
    {"generation_prompt", [](const P& p) { return Json(p.generation_prompt); }},
    {"samplers", samplers_json},
    {"speculative.types", [](const P&) { return Json("none"); }},
    {"timings_per_token"},
    {"post_sampling_probs"},
    {"backend_sampling"},
    {"lora", lora_json},
};

}  // namespace

const Json* find(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

void wrong_type(const std::string& name, std::string_view expected, const Json& value) {
  bad_field(name,
            fmt::format("Field '{}': [json.exception.type_error.302] type must be {}, but is {}",
                        name, expected, type_name(value)));
}

bool read_bool(const std::string& name, const Json& value) {
  if (!value.is_boolean()) wrong_type(name, "boolean", value);
  return value.get<bool>();
}

std::string read_string(const std::string& name, const Json& value) {
  if (!value.is_string()) wrong_type(name, "string", value);
  return value.get<std::string>();
}

std::vector<std::string> read_strings(const std::string& name, const Json& value) {
  if (!value.is_array()) wrong_type(name, "array", value);
  std::vector<std::string> texts;
  for (const Json& item : value) texts.push_back(read_string(name, item));
  return texts;
}

CompletionParams parse_params(const Json& body, const CompletionParams& defaults,
                              const Limits& limits) {
  CompletionParams params = defaults;
  for (const Field& field : shared_fields()) read_field(field, body, limits, params);
  read_list_fields(body, defaults, params);
  params.shape = read_shape(body, defaults.shape);
  check(params, defaults);
  return params;
}

Json settings_json(const CompletionParams& params, SettingsForm form) {
  Json settings = Json::object();
  for (const Setting& setting : kSettings) {
    if (setting.shown == Shown::full && form == SettingsForm::brief) continue;
    Json& value = settings[std::string(setting.name)];
    if (setting.make != nullptr) {
      value = setting.make(params);
    } else {
      std::visit([&](auto member) { value = field_at(params, member); },
                 field_named(setting.name)->to);
    }
  }
  return settings;
}

}  // namespace llm::server
