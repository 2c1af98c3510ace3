#include "options/settings.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "options/table.h"
#include "options/values.h"

namespace llm::options {
namespace {

struct Named {
  const Row* row;
  bool on;  // false: one of the negative names
};

bool contains(std::string_view names, std::string_view name) {
  const auto all = split_names(names);
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::optional<Named> find_flag(std::string_view flag) {
  for (const Row& row : rows()) {
    if (contains(row.names, flag)) return Named{&row, true};
    if (contains(row.negative, flag)) return Named{&row, false};
  }
  return std::nullopt;
}

constexpr std::string_view kPrefix = "LLAMA_ARG_", kNegativePrefix = "LLAMA_ARG_NO_";

/// "LLAMA_ARG_NO_MMAP" of the row with "LLAMA_ARG_MMAP".
bool is_negative_variable(const Row& row, std::string_view name) {
  if (row.negative.empty() || !name.starts_with(kNegativePrefix)) return false;
  return contains(row.env, std::string(kPrefix) + std::string(name.substr(kNegativePrefix.size())));
}

std::optional<Named> find_variable(std::string_view name) {
  for (const Row& row : rows()) {
    if (contains(row.env, name)) return Named{&row, true};
    if (is_negative_variable(row, name)) return Named{&row, false};
  }
  return std::nullopt;
}

std::string with_dashes(std::string_view argument) {
  std::string name(argument);
  if (name.starts_with("--")) std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::optional<Named> find_key(std::string_view key) {
  if (auto found = find_variable(key)) return found;
  if (auto found = find_flag(with_dashes("--" + std::string(key)))) return found;
  return find_flag("-" + std::string(key));
}

const Row& need_row(std::string_view flag) {
  const auto found = find_flag(flag);
  if (!found) fail("there is no option '{}'", flag);
  return *found->row;
}

std::string_view first_name(const Row& row) {
  return split_names(row.names).front();
}

std::string_view last_name(std::string_view names) {
  return split_names(names).back();
}

}  // namespace

void Settings::put(const Row& row, bool on, const std::string& text) {
  Value& value = values_.insert_or_assign(first_name(row), Value{&row, on, {}}).first->second;
  if (!row.value.empty()) value.texts = {text};
}

Settings Settings::from_arguments(int argc, const char* const* argv) {
  Settings out;
  for (int i = 1; i < argc; ++i) {
    const auto found = find_flag(with_dashes(argv[i]));
    if (!found) fail("unknown option '{}'", argv[i]);
    const Row& row = *found->row;
    const int count = row.value.empty() ? 0 : row.value_count;
    if (i + count >= argc) fail("{}: a value is missing ({})", argv[i], row.value);
    std::string text;
    for (int k = 0; k < count; ++k) text += (k > 0 ? " " : "") + std::string(argv[++i]);
    const auto before = out.values_.find(first_name(row));
    if (row.adds_up && before != out.values_.end())
      before->second.texts.push_back(text);
    else
      out.put(row, found->on, text);
  }
  return out;
}

Settings Settings::from_environment(const Environment& environment) {
  Settings out;
  for (const Row& row : rows()) {
    for (const auto name : split_names(row.env)) {
      if (!name.starts_with("LLAMA_")) continue;
      if (!row.negative.empty() && name.starts_with(kPrefix)) {
        const auto negative =
            std::string(kNegativePrefix) + std::string(name.substr(kPrefix.size()));
        if (environment(negative.c_str())) out.put(row, false, "");
      }
      const char* text = environment(std::string(name).c_str());
      if (!text || !*text) continue;
      // Of a plain switch only the words for "on" count, as on the server's own start.
      const auto word = bool_word(text);
      if (!row.value.empty())
        out.put(row, true, text);
      else if (word && (*word || !row.negative.empty()))
        out.put(row, *word, "");
    }
  }
  return out;
}

void Settings::set_key(std::string_view key, const std::string& value) {
  const auto found = find_key(key);
  if (!found) fail("there is no option '{}'; --help lists all", key);
  const Row& row = *found->row;
  if (row.apply == apply_help || row.apply == apply_version)
    fail("'{}' is no setting of a model", key);
  if (!row.value.empty()) return put(row, true, value);
  if (!found->on && key.starts_with(kNegativePrefix)) return put(row, false, "");
  const auto word = bool_word(value);
  if (!word)
    fail("{}: expected true, 1, on, enabled, false, 0, off or disabled, got '{}'", key, value);
  put(row, found->on == *word, "");
}

void Settings::set(std::string_view flag, const std::string& value) {
  put(need_row(flag), true, value);
}

void Settings::erase(std::string_view flag) {
  values_.erase(first_name(need_row(flag)));
}

bool Settings::has(std::string_view flag) const {
  return values_.contains(first_name(need_row(flag)));
}

std::vector<std::string> Settings::flags() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) out.emplace_back(main_name(*value.row));
  return out;
}

std::string Settings::value(std::string_view flag) const {
  const auto found = values_.find(first_name(need_row(flag)));
  if (found == values_.end() || found->second.texts.empty()) return {};
  return found->second.texts.back();
}

void Settings::lay_over(const Settings& stronger) {
  for (const auto& [name, value] : stronger.values_) values_.insert_or_assign(name, value);
}

std::vector<std::string> Settings::arguments() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) {
    const Row& row = *value.row;
    if (row.value.empty()) {
      // A switch without a negative form that is off is one that is not given.
      if (value.on || !row.negative.empty())
        out.emplace_back(last_name(value.on ? row.names : row.negative));
    }
    for (const auto& text : value.texts) {
      out.emplace_back(last_name(row.names));
      if (row.value_count == 1) {
        out.push_back(text);
      } else {
        std::istringstream words(text);
        for (std::string word; words >> word;) out.push_back(word);
      }
    }
  }
  return out;
}

std::string Settings::ini() const {
  std::string out;
  for (const auto& [name, value] : values_) {
    auto key = last_name(value.row->names);
    key.remove_prefix(key.find_first_not_of('-'));
    if (value.row->value.empty()) out += fmt::format("{} = {}\n", key, value.on);
    for (const auto& text : value.texts) out += fmt::format("{} = {}\n", key, text);
  }
  return out;
}

Options Settings::parse() const {
  const auto texts = arguments();
  std::vector<const char*> argv = {"llama-server"};
  for (const auto& text : texts) argv.push_back(text.c_str());
  auto parsed = options::parse(static_cast<int>(argv.size()), argv.data(),
                               [](const char*) -> const char* { return nullptr; });
  if (parsed.action != ParseResult::Action::run) fail("an option that only prints something");
  return std::move(parsed.options);
}

bool is_supported(std::string_view flag) {
  const auto found = find_flag(flag);
  if (!found) return false;
  const Status status = found->row->status;
  return status == Status::supported || (status == Status::only_on && found->on);
}

bool is_sampling(std::string_view flag) {
  const auto found = find_flag(flag);
  constexpr std::string_view kFile = "-file";
  return found && found->row->section == Section::sampling &&
         !main_name(*found->row).ends_with(kFile);
}

}  // namespace llm::options
