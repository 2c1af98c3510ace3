// Reads the shared fields of a request body and prints them back as `generation_settings`.
#pragma once

#include "base/json.h"
#include "server/request/params.h"

namespace llm::server {

/// What a field's range may depend on.
struct Limits {
  int slots = 1;  // most choices per prompt
};

/// Fields that are absent or null keep the value of `defaults`. Throws RequestError(400) naming the
/// field. `body` is an object.
CompletionParams parse_params(const Json& body, const CompletionParams& defaults,
                              const Limits& limits);

/// brief: without the long lists, as /props and /slots show it.
enum class SettingsForm { full, brief };
Json settings_json(const CompletionParams& params, SettingsForm form);

/// Typed reads for fields outside the shared table, with the same rules and messages.
bool read_bool(const std::string& name, const Json& value);
std::string read_string(const std::string& name, const Json& value);
std::vector<std::string> read_strings(const std::string& name, const Json& value);
/// 400: `name` has another JSON type than `expected` says.
[[noreturn]] void wrong_type(const std::string& name, std::string_view expected, const Json& value);
/// The value of `key`; nullptr when absent or null.
const Json* find(const Json& object, std::string_view key);

}  // namespace llm::server
