// Flags about GPUs: which ones, and what of the model they get.
#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "options/texts.h"
#include "options/values.h"

namespace llm::options {
namespace {

constexpr int kMaxMargin = 1 << 24;  // MiB

/// Parts between commas or slashes.
std::vector<std::string_view> parts(std::string_view text) {
  std::vector<std::string_view> list;
  for (;;) {
    const std::size_t end = std::min(text.find_first_of(",/"), text.size());
    list.push_back(text.substr(0, end));
    if (end == text.size()) return list;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void apply_device_list(Pending& p, std::string_view, std::string_view) {
  p.action = ParseResult::Action::device_list;
}

void apply_gpu_layers(Pending& p, std::string_view flag, std::string_view value) {
  if (value == "auto" || value == "-1") {
    p.options.gpu.layers = GpuOptions::kAutomatic;
    return;
  }
  const bool is_number =
      !value.empty() && value.size() <= 9 &&
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (value != "all" && !is_number)
    fail("{}: expected an integer of at least 0, auto or all, got '{}'", flag, value);
  p.options.gpu.layers =
      value == "all"
          ? GpuOptions::kAll
          : std::min(static_cast<int>(integer(flag, value, 0, 999'999'999)), GpuOptions::kAll);
}

void apply_device(Pending& p, std::string_view flag, std::string_view value) {
  GpuOptions& gpu = p.options.gpu;
  gpu.devices.clear();
  gpu.none = value == "none";
  if (gpu.none) return;
  gpu.devices = csv(flag, value);
  for (std::string& id : gpu.devices) {
    if (id.empty())
      fail("{}: expected names of devices separated by commas, or none, got '{}'", flag, value);
    if (id == "none") fail("{}: 'none' stands alone, got '{}'", flag, value);
  }
}

void apply_split_mode(Pending& p, std::string_view flag, std::string_view value) {
  if (value == "row" || value == "tensor")
    fail("{}: '{}' is not supported yet; layer and none are", flag, value);
  if (value != "layer" && value != "none")
    fail("{}: expected none, layer, row or tensor, got '{}'", flag, value);
  p.options.gpu.split = value;
}

void apply_tensor_split(Pending& p, std::string_view flag, std::string_view value) {
  p.options.gpu.shares.clear();
  float sum = 0;
  for (const std::string_view part : parts(value)) {
    p.options.gpu.shares.push_back(static_cast<float>(number(flag, part, 0, 1e9)));
    sum += p.options.gpu.shares.back();
  }
  if (sum <= 0) fail("{}: at least one share must be above 0, got '{}'", flag, value);
}

void apply_fit(Pending& p, std::string_view flag, std::string_view value) {
  const auto word = bool_word(value);
  if (!word) fail("{}: expected on or off, got '{}'", flag, value);
  p.options.gpu.fit = *word;
}

void apply_fit_target(Pending& p, std::string_view flag, std::string_view value) {
  p.options.gpu.margins_mib.clear();
  for (const std::string_view part : parts(value))
    p.options.gpu.margins_mib.push_back(static_cast<int>(integer(flag, part, 0, kMaxMargin)));
}

void apply_cpu_moe(Pending& p, std::string_view, std::string_view value) {
  if (value == "on") p.options.gpu.cpu_expert_layers = GpuOptions::kAll;
}

}  // namespace llm::options
