// Files with keys and what each key may use.
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "options/options.h"
#include "options/texts.h"

namespace llm::options {
namespace {

constexpr std::string_view kFileFlag = "--api-key-file", kLimitsFlag = "--api-key-limits";
constexpr double kMostPerMinute = 1e12;

void add_keys_of_file(const std::string& path, std::vector<std::string>& keys) {
  const std::string content = read_file(kFileFlag, path);
  for (auto line : split(content, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);  // cannot be part of a header's value
    if (!line.empty() && !line.starts_with('#')) keys.emplace_back(line);
  }
}

double limit_value(const std::string& where, const Json& value, double most) {
  if (!value.is_number() || value.get<double>() < 0 || value.get<double>() > most)
    fail("{}: expected a number from 0 (no limit) to {:g}, got {}", where, most, value.dump());
  return value.get<double>();
}

/// How messages call a key: files of limits are no place to read keys from a log.
std::string shown(const std::string& key) {
  constexpr std::size_t kShown = 4;
  if (key == "*" || key.starts_with("sha256:")) return key;
  return key.substr(0, std::min(kShown, key.size() / 2)) + "...";
}

ApiKeyLimit limit_of(const std::string& path, const std::string& key, const Json& entry) {
  const std::string where = fmt::format("{}: '{}': limits of '{}'", kLimitsFlag, path, shown(key));
  constexpr std::string_view kHashed = "sha256:";
  const auto digits = std::string_view(key).substr(std::min(kHashed.size(), key.size()));
  if (key.starts_with(kHashed) &&
      (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != digits.npos))
    fail("{}: a hash has 64 digits of 0-9 and a-f", where);
  if (!entry.is_object()) fail("{}: expected an object, got {}", where, entry.dump());
  ApiKeyLimit limit{.key = key};
  for (const auto& [name, value] : entry.items()) {
    const std::string at = fmt::format("{}: {}", where, name);
    if (name == "requests_per_minute") {
      limit.requests_per_minute = limit_value(at, value, kMostPerMinute);
    } else if (name == "tokens_per_minute") {
      limit.tokens_per_minute = limit_value(at, value, kMostPerMinute);
    } else if (name == "concurrent_requests") {
      const double count = limit_value(at, value, std::numeric_limits<int>::max());
      limit.concurrent_requests = static_cast<int>(count);
    } else {
      fail(
          "{}: there is no such limit; there are requests_per_minute, tokens_per_minute and "
          "concurrent_requests",
          at);
    }
  }
  return limit;
}

std::vector<ApiKeyLimit> limits_of_file(const std::string& path) {
  const Json limits = Json::parse(read_file(kLimitsFlag, path), nullptr, false);
  if (!limits.is_object()) fail("{}: '{}' holds no JSON object", kLimitsFlag, path);
  std::vector<ApiKeyLimit> out;
  for (const auto& [key, entry] : limits.items()) out.push_back(limit_of(path, key, entry));
  return out;
}

}  // namespace

ApiKeys read_api_keys(const SecurityOptions& security) {
  ApiKeys out{.keys = security.api_keys, .limits = {}};
  for (const std::string& path : security.api_key_files) add_keys_of_file(path, out.keys);
  const std::string& limits = security.api_key_limits_file;
  if (!limits.empty()) out.limits = limits_of_file(limits);
  return out;
}

}  // namespace llm::options
