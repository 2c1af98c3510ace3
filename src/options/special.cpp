// Flags whose values need more than a range: lists, files, words with a meaning.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "options/texts.h"
#include "options/values.h"

namespace llm::options {
namespace {

constexpr int kMaxSlots = 4096;
constexpr std::size_t kMaxOverrideText = 127;  // of a string value, as in the reference

enum class Word { on, off, automatic };

Word on_off_auto(std::string_view flag, std::string_view value) {
  if (value == "auto" || value == "-1") return Word::automatic;
  if (const auto word = bool_word(value)) return *word ? Word::on : Word::off;
  fail("{}: expected on, off or auto, got '{}'", flag, value);
}

void append_new(std::vector<std::string>& to, std::vector<std::string> values) {
  for (auto& value : values)
    if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(std::move(value));
}

/// Letters and names of the samplers, in the reference's spelling.
struct SamplerName {
  char letter;
  const char* name;
  std::vector<std::string_view> aliases;  // without separators
};

const SamplerName* find_sampler(auto matches) {
  static const std::vector<SamplerName> known = {
      {'e', "penalties", {}},
      {'d', "dry", {}},
      {'s', "top_n_sigma", {"topnsigma"}},
      {'k', "top_k", {"topk"}},
      {'y', "typ_p", {"typp", "typ", "typical", "typicalp"}},
      {'p', "top_p", {"topp", "nucleus"}},
      {'m', "min_p", {"minp"}},
      {'x', "xtc", {}},
      {'t', "temperature", {"temp"}},
      {'a', "adaptive_p", {"adaptivep"}},
      {'i', "infill", {}}};
  const auto found = std::find_if(known.begin(), known.end(), matches);
  return found == known.end() ? nullptr : &*found;
}

MetadataOverride metadata_override(std::string_view flag, std::string_view field) {
  const auto equals = field.find('=');
  const auto colon = field.find(':', equals == field.npos ? 0 : equals);
  if (equals == field.npos || colon == field.npos || equals == 0)
    fail("{}: expected KEY=TYPE:VALUE, got '{}'", flag, field);
  const auto key = field.substr(0, equals);
  const auto type = field.substr(equals + 1, colon - equals - 1);
  const auto value = field.substr(colon + 1);
  const std::string where = fmt::format("{}: value of {}", flag, key);
  MetadataOverride out{.key = std::string(key), .value = false};
  if (type == "int") {
    out.value = integer(where, value, std::numeric_limits<std::int64_t>::min(),
                        std::numeric_limits<std::int64_t>::max());
  } else if (type == "float") {
    out.value = number(where, value, -kUnlimited, kUnlimited);
  } else if (type == "bool") {
    if (value != "true" && value != "false")
      fail("{}: expected true or false, got '{}'", where, value);
    out.value = value == "true";
  } else if (type == "str") {
    if (value.size() > kMaxOverrideText)
      fail("{}: expected at most {} bytes, got {}", where, kMaxOverrideText, value.size());
    out.value = std::string(value);
  } else {
    fail("{}: expected the type int, float, bool or str for {}, got '{}'", flag, key, type);
  }
  return out;
}

}  // namespace

std::string resolve_escapes(std::string_view text) {
  constexpr std::string_view kEscapes = "n\nr\rt\t'\'\"\"\\\\";  // letter, character
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char letter = text[++i];
    std::size_t known = 0;
    while (known < kEscapes.size() && kEscapes[known] != letter) known += 2;
    const bool is_hex = letter == 'x' && i + 2 < text.size() && std::isxdigit(text[i + 1]) &&
                        std::isxdigit(text[i + 2]);
    if (known < kEscapes.size()) {
      out += kEscapes[known + 1];
    } else if (is_hex) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += '\\';
      out += letter;
    }
  }
  return out;
}

void apply_help(Pending& p, std::string_view, std::string_view) {
  p.action = ParseResult::Action::help;
}

void apply_version(Pending& p, std::string_view, std::string_view) {
  p.action = ParseResult::Action::version;
}

void apply_cache_list(Pending& p, std::string_view, std::string_view) {
  p.action = ParseResult::Action::cache_list;
}

void apply_verbose(Pending& p, std::string_view, std::string_view) {
  p.options.log.verbosity = 5;
}

void apply_escape(Pending& p, std::string_view, std::string_view value) {
  p.resolve_escapes = value == "on";
}

void apply_chat_template(Pending& p, std::string_view, std::string_view value) {
  p.options.chat.chat_template = value;
  p.options.chat.chat_template_source.clear();
}

void apply_stop(Pending& p, std::string_view, std::string_view value) {
  if (!value.empty()) p.options.sampling.stop.emplace_back(value);
}

void apply_log_colors(Pending& p, std::string_view flag, std::string_view value) {
  using enum LogOptions::Colors;
  constexpr LogOptions::Colors kByWord[] = {on, off, automatic};
  p.options.log.colors = kByWord[static_cast<int>(on_off_auto(flag, value))];
}

void apply_sleep_idle(Pending& p, std::string_view flag, std::string_view value) {
  constexpr int kMostSeconds = 1 << 30;
  const auto seconds = integer(flag, value, -1, kMostSeconds);
  if (seconds == 0) fail("{}: expected -1 (never) or at least 1, got 0", flag);
  p.options.features.sleep_idle_s = static_cast<int>(seconds);
}

void apply_aliases(Pending& p, std::string_view, std::string_view value) {
  append_new(p.options.model.aliases, comma_list(value));
}

void apply_tags(Pending& p, std::string_view, std::string_view value) {
  append_new(p.options.model.tags, comma_list(value));
}

void apply_overrides(Pending& p, std::string_view flag, std::string_view value) {
  for (const auto& field : csv(flag, value))
    p.options.model.overrides.push_back(metadata_override(flag, field));
}

void apply_hf_repo(Pending& p, std::string_view flag, std::string_view value) {
  if (value.find('/') == value.npos)
    fail("{}: expected USER/MODEL or USER/MODEL:QUANT, got '{}'", flag, value);
  p.options.download.hf_repo = value;
}

void apply_hf_token(Pending& p, std::string_view flag, std::string_view value) {
  // The text itself is a secret: the message does not repeat it.
  for (const char c : value)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      fail("{}: the token holds a blank or a control character", flag);
  p.options.download.hf_token = value;
}

void apply_slots(Pending& p, std::string_view flag, std::string_view value) {
  int slots = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), slots);
  const bool is_whole = problem == std::errc{} && end == value.data() + value.size();
  if (!is_whole || slots < -1 || slots == 0 || slots > kMaxSlots)
    fail("{}: expected -1 (automatic) or an integer from 1 to {}, got '{}'", flag, kMaxSlots,
         value);
  p.options.context.slots = slots;
}

void apply_unified(Pending& p, std::string_view, std::string_view value) {
  p.options.context.unified =
      value == "on" ? ContextOptions::Unified::on : ContextOptions::Unified::off;
}

void apply_flash_attention(Pending& p, std::string_view flag, std::string_view value) {
  if (on_off_auto(flag, value) == Word::off)
    p.notices.push_back(
        fmt::format("{}: 'off' has no effect, attention is always the fused kind here", flag));
}

void apply_api_prefix(Pending& p, std::string_view flag, std::string_view value) {
  const bool is_path = value.starts_with('/') && !value.ends_with('/') &&
                       value.find_first_of("?#% \t") == value.npos;
  if (!value.empty() && !is_path)
    fail("{}: expected a path such as /llm, without a final '/', got '{}'", flag, value);
  p.options.http.api_prefix = value;
}

void apply_static_path(Pending& p, std::string_view flag, std::string_view value) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(value), ignored))
    fail("{}: '{}' is not a directory", flag, value);
  p.options.http.static_path = value;
}

void apply_models_dir(Pending& p, std::string_view flag, std::string_view value) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(value), ignored))
    fail("{}: '{}' is not a directory", flag, value);
  p.options.router.models_dir = value;
}

void apply_slot_save_path(Pending& p, std::string_view flag, std::string_view value) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(value), ignored))
    fail("{}: '{}' is not a directory; create it first", flag, value);
  p.options.context.slot_save_path = value;
}

void apply_api_keys(Pending& p, std::string_view flag, std::string_view value) {
  for (auto& key : csv(flag, value))
    if (!key.empty()) p.options.security.api_keys.push_back(std::move(key));
}

void apply_api_key_file(Pending& p, std::string_view, std::string_view value) {
  p.options.security.api_key_files.emplace_back(value);
}

void apply_ui_config(Pending& p, std::string_view flag, std::string_view value) {
  if (!Json::parse(value, nullptr, false).is_object())
    fail("{}: expected a JSON object, got '{}'", flag, value);
  p.options.features.ui_config = value;
}

void apply_ui_config_file(Pending& p, std::string_view flag, std::string_view value) {
  const std::string text = read_file(flag, std::string(value));
  if (!Json::parse(text, nullptr, false).is_object())
    fail("{}: '{}' holds no JSON object", flag, value);
  p.options.features.ui_config = text;
}

void apply_allowed_hosts(Pending& p, std::string_view, std::string_view value) {
  append_new(p.options.security.allowed_hosts, comma_list(value));
}

void apply_template_file(Pending& p, std::string_view flag, std::string_view value) {
  p.options.chat.chat_template_source = read_file(flag, std::string(value));
  std::string& source = p.options.chat.chat_template_source;
  if (source.empty()) fail("{}: '{}' is empty", flag, value);
  if (source.ends_with('\n')) source.pop_back();  // as Jinja does
  p.options.chat.chat_template.clear();
}

void apply_template_kwargs(Pending& p, std::string_view flag, std::string_view value) {
  const Json parsed = Json::parse(value, nullptr, false);
  if (!parsed.is_object()) fail("{}: expected a JSON object, got '{}'", flag, value);
  p.options.chat.chat_template_kwargs = value;
}

void apply_samplers(Pending& p, std::string_view flag, std::string_view value) {
  std::vector<std::string> names;
  for (const auto field : split(value, ';')) {
    std::string bare;  // without separators and case
    for (const char c : trimmed(field))
      if (c != '_' && c != '-') bare += static_cast<char>(std::tolower(c));
    if (bare.empty()) continue;
    const auto* found = find_sampler([&](const SamplerName& known) {
      return known.name == bare ||
             std::find(known.aliases.begin(), known.aliases.end(), bare) != known.aliases.end();
    });
    if (!found) fail("{}: there is no sampler '{}'; see --help for the names", flag, field);
    names.emplace_back(found->name);
  }
  p.options.sampling.samplers = std::move(names);
}

void apply_sampler_letters(Pending& p, std::string_view flag, std::string_view value) {
  std::vector<std::string> names;
  for (const char letter : value) {
    const auto* found = find_sampler([&](const SamplerName& s) { return s.letter == letter; });
    if (!found) fail("{}: expected letters of 'dkypsmtxiea', got '{}'", flag, value);
    names.emplace_back(found->name);
  }
  p.options.sampling.samplers = std::move(names);
}

void apply_repeat_penalty(Pending& p, std::string_view flag, std::string_view value) {
  const auto penalty = static_cast<float>(number(flag, value, -kUnlimited, kUnlimited));
  if (penalty <= 0) fail("{}: expected a number above 0, got '{}'", flag, value);
  p.options.sampling.repeat_penalty = penalty;
}

void apply_dry_base(Pending& p, std::string_view flag, std::string_view value) {
  const auto base = static_cast<float>(number(flag, value, -kUnlimited, kUnlimited));
  if (base >= 1)
    p.options.sampling.dry_base = base;
  else
    p.notices.push_back(fmt::format("{}: a value below 1 is ignored, got '{}'", flag, value));
}

void apply_dry_breaker(Pending& p, std::string_view, std::string_view value) {
  auto& breakers = p.options.sampling.dry_sequence_breakers;
  if (std::exchange(p.breakers_are_default, false)) breakers.clear();
  if (value == "none")
    breakers.clear();
  else if (!value.empty())
    breakers.emplace_back(value);
}

void apply_logit_bias(Pending& p, std::string_view flag, std::string_view value) {
  const auto sign = value.find_first_of("+-");
  if (sign == value.npos || sign == 0)
    fail("{}: expected a token id with + or - and a bias, such as 15043-1, got '{}'", flag, value);
  const auto id = integer(flag, value.substr(0, sign), 0, std::numeric_limits<int>::max());
  const double size = number(flag, value.substr(sign + 1), 0, kUnlimited);
  const double bias = value[sign] == '-' ? -size : size;
  p.options.sampling.logit_bias.emplace_back(static_cast<std::int32_t>(id),
                                             static_cast<float>(bias));
}

// The last constraint given counts; whether a grammar compiles is known when the model is there.
void apply_grammar(Pending& p, std::string_view, std::string_view value) {
  p.options.sampling.grammar = value;
  p.options.sampling.json_schema.clear();
}

void apply_grammar_file(Pending& p, std::string_view flag, std::string_view value) {
  apply_grammar(p, flag, read_file(flag, std::string(value)));
}

void apply_json_schema(Pending& p, std::string_view flag, std::string_view value) {
  if (!Json::parse(value, nullptr, false).is_object())
    fail("{}: expected a JSON object, got '{}'", flag, value);
  p.options.sampling.json_schema = value;
  p.options.sampling.grammar.clear();
}

void apply_json_schema_file(Pending& p, std::string_view flag, std::string_view value) {
  const std::string text = read_file(flag, std::string(value));
  if (!Json::parse(text, nullptr, false).is_object())
    fail("{}: '{}' holds no JSON object", flag, value);
  apply_json_schema(p, flag, text);
}

}  // namespace llm::options
