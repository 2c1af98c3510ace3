#include "router/preset_file.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "options/texts.h"
#include "options/values.h"

namespace llm::router {
namespace {

constexpr int kMaxStopTimeoutS = 24 * 3600;

/// What a preset of a repository may say, besides how to sample.
// clang-format off
constexpr std::array kOfRepositories = {
    "--hf-repo", "--hf-file", "--alias", "--tags", "--ctx-size", "--parallel", "--batch-size",
    "--ubatch-size", "--cache-type-k", "--cache-type-v", "--kv-unified", "--cont-batching",
    "--cache-prompt", "--cache-reuse", "--context-shift", "--swa-full", "--flash-attn",
    "--gpu-layers", "--rope-scaling", "--rope-scale", "--rope-freq-base", "--rope-freq-scale",
    "--yarn-orig-ctx", "--yarn-ext-factor", "--yarn-attn-factor", "--yarn-beta-slow",
    "--yarn-beta-fast", "--embedding", "--rerank", "--pooling", "--embd-normalize", "--spm-infill",
    "--jinja", "--chat-template", "--chat-template-kwargs", "--reasoning", "--reasoning-format",
    "--reasoning-budget", "--reasoning-budget-message", "--mmap", "--warmup"};
// clang-format on

void check_of_repository(std::string_view key, const std::string& value) {
  options::Settings one;
  one.set_key(key, value);
  for (const std::string& flag : one.flags()) {
    const bool is_listed =
        std::find(kOfRepositories.begin(), kOfRepositories.end(), flag) != kOfRepositories.end();
    if (!is_listed && !options::is_sampling(flag))
      fail(
          "'{}' is more than the preset of a repository may set; read the file and, to allow it, "
          "start with --models-preset and this path",
          key);
  }
}

bool need_bool(std::string_view key, std::string_view value) {
  const auto word = options::bool_word(value);
  if (!word) fail("{}: expected true or false, got '{}'", key, value);
  return *word;
}

void set(Preset& preset, std::string_view key, const std::string& value, PresetOrigin origin) {
  if (key == "load-on-startup") {
    preset.load_on_startup = need_bool(key, value);
  } else if (key == "pinned") {
    preset.pinned = need_bool(key, value);
  } else if (key == "stop-timeout") {
    preset.stop_timeout_s = static_cast<int>(options::integer(key, value, 0, kMaxStopTimeoutS));
  } else {
    if (origin == PresetOrigin::repository) check_of_repository(key, value);
    preset.settings.set_key(key, value);
  }
}

std::string section_name(std::string_view line) {
  if (!line.ends_with(']')) fail("a section ends with ']', got '{}'", line);
  const auto name = options::trimmed(line.substr(1, line.size() - 2));
  const bool is_plain =
      std::none_of(name.begin(), name.end(), [](char c) { return c >= 0 && c < ' '; });
  if (name.empty() || !is_plain) fail("a section needs a name, got '{}'", line);
  return std::string(name);
}

}  // namespace

void Preset::lay_over(const Preset& stronger) {
  settings.lay_over(stronger.settings);
  if (stronger.load_on_startup) load_on_startup = stronger.load_on_startup;
  if (stronger.stop_timeout_s) stop_timeout_s = stronger.stop_timeout_s;
  if (stronger.pinned) pinned = stronger.pinned;
}

PresetFile parse_preset_file(std::string_view text, const std::string& name, PresetOrigin origin) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  PresetFile file;
  Preset* section = nullptr;
  int number = 0;
  for (const auto raw : options::split(text, '\n')) {
    ++number;
    const auto line = options::trimmed(raw);
    if (line.empty() || line.front() == ';' || line.front() == '#') continue;
    try {
      if (line.front() == '[') {
        const auto title = section_name(line);
        section = title == "*" ? &file.all : &file.models[title];
        continue;
      }
      const auto equals = line.find('=');
      if (equals == line.npos || equals == 0) fail("expected KEY = VALUE, got '{}'", line);
      const auto key = options::trimmed(line.substr(0, equals));
      const std::string value(options::trimmed(line.substr(equals + 1)));
      if (section)
        set(*section, key, value, origin);
      else if (key != "version")
        fail("'{}' stands above the first section; [*] is the one for all models", key);
    } catch (const Error& error) {
      fail("{}:{}: {}", name, number, error.what());
    }
  }
  return file;
}

PresetFile read_preset_file(const std::string& path, PresetOrigin origin) {
  return parse_preset_file(options::read_file("--models-preset", path), path, origin);
}

}  // namespace llm::router
