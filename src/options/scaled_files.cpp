// Flags that name files of small changes to a model: LoRA adapters, control vectors.
#include <filesystem>

#include "base/error.h"
#include "options/texts.h"
#include "options/values.h"

namespace llm::options {
namespace {

void add_files(std::vector<ScaledFile>& to, std::string_view flag, std::string_view value) {
  for (std::string& path : csv(flag, value)) {
    if (path.empty()) fail("{}: expected PATH,..., got '{}'", flag, value);
    to.push_back({std::move(path), 1});
  }
}

void add_scaled_files(std::vector<ScaledFile>& to, std::string_view flag, std::string_view value) {
  for (const std::string& field : csv(flag, value)) {
    const auto parts = split(field, ':');
    if (parts.size() != 2 || parts[0].empty()) {
      fail("{}: expected PATH:SCALE, such as x.gguf:0.5, got '{}'", flag, field);
    }
    const double scale = number(flag, parts[1], -kUnlimited, kUnlimited);
    to.push_back({std::string(parts[0]), static_cast<float>(scale)});
  }
}

}  // namespace

void apply_lora(Pending& p, std::string_view flag, std::string_view value) {
  add_files(p.options.model.lora, flag, value);
}

void apply_lora_scaled(Pending& p, std::string_view flag, std::string_view value) {
  add_scaled_files(p.options.model.lora, flag, value);
}

void apply_lora_unapplied(Pending& p, std::string_view, std::string_view value) {
  p.options.model.lora_apply = value != "on";
}

void apply_lora_dir(Pending& p, std::string_view flag, std::string_view value) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(value), ignored)) {
    fail("{}: '{}' is not a directory", flag, value);
  }
  p.options.model.lora_dir = value;
}

void apply_control_vectors(Pending& p, std::string_view flag, std::string_view value) {
  add_files(p.options.model.control_vectors, flag, value);
}

void apply_control_vectors_scaled(Pending& p, std::string_view flag, std::string_view value) {
  add_scaled_files(p.options.model.control_vectors, flag, value);
}

void apply_control_range(Pending& p, std::string_view flag, std::string_view value) {
  const auto parts = split(value, ' ');
  if (parts.size() != 2) fail("{}: expected two integers, got '{}'", flag, value);
  constexpr int kMost = std::numeric_limits<int>::max();
  const auto first = static_cast<int>(integer(flag, parts[0], -1, kMost));
  const auto last = static_cast<int>(integer(flag, parts[1], -1, kMost));
  if (last > 0 && first > last) fail("{}: the first layer is behind the last: '{}'", flag, value);
  p.options.model.control_first = first;
  p.options.model.control_last = last;
}

}  // namespace llm::options
