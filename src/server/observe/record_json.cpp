#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/utc.h"
#include "server/observe/request_log.h"
#include "server/request/body.h"

namespace llm::server {
namespace {

/// Members that are no text of a user, whatever the endpoint.
constexpr std::array kPlainTexts = {"model", "role", "type"};
constexpr std::size_t kMostOfPlainText = 256;
/// Fields that hold lists of objects whose shape says how a conversation went.
constexpr std::array kConversations = {"messages", "input"};
constexpr std::array kKeys = {"api_key", "apikey", "api-key", "x-api-key", "authorization"};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Json digest(std::string_view text) {
  return {{"bytes", text.size()},
          {"hash", fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()))}};
}

Json digest_of(const Json& value) {
  return value.is_string() ? digest(value.get_ref<const std::string&>())
                           : digest(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// A name that the client made up may be a text.
std::string shown_name(const std::string& name) {
  constexpr std::size_t kMost = 40;
  const bool is_plain =
      name.size() <= kMost && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::islower(c) || std::isdigit(c) || c == '_';
      });
  return is_plain ? name : digest(name)["hash"].get<std::string>();
}

Json redacted_member(const std::string& name, const Json& value) {
  if (value.is_number() || value.is_boolean() || value.is_null()) return value;
  const bool is_plain = value.is_string() && is_one_of(kPlainTexts, name) &&
                        value.get_ref<const std::string&>().size() <= kMostOfPlainText;
  if (is_plain) return value;
  const auto is_object = [](const Json& one) { return one.is_object(); };
  if (is_one_of(kConversations, name) && value.is_array() &&
      std::all_of(value.begin(), value.end(), is_object)) {
    Json list = Json::array();
    for (const Json& one : value) list.push_back(redacted(one));
    return list;
  }
  return digest_of(value);
}

bool is_key(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return is_one_of(kKeys, name);
}

void remove_keys(Json& value) {
  if (value.is_object()) {
    for (auto& [name, member] : value.items()) {
      if (is_key(name)) {
        member = "<removed>";
      } else {
        remove_keys(member);
      }
    }
  } else if (value.is_array()) {
    for (Json& member : value) remove_keys(member);
  }
}

Json body_json(const std::string& text, bool redact) {
  Json body;
  if (text.empty()) return body;
  try {
    body = parse_body(text);
  } catch (const std::exception&) {
    return redact ? digest(text) : Json(text);
  }
  remove_keys(body);
  return redact ? redacted(body) : body;
}

/// Where a note of a handler is written: "prompt_tokens" is tokens.prompt.
void add_note(const log::Field& field, bool redact, Json& record) {
  constexpr std::string_view kTokens = "_tokens", kMs = "_ms";
  const std::string& name = field.name;
  Json value;
  std::visit([&](const auto& one) { value = one; }, field.value);
  if (name.ends_with(kTokens)) {
    record["tokens"][name.substr(0, name.size() - kTokens.size())] = std::move(value);
  } else if (name.ends_with(kMs)) {
    record["timings"][name] = std::move(value);
  } else {
    // A message may quote the request.
    record[name] = redact && value.is_string() ? digest_of(value) : std::move(value);
  }
}

}  // namespace

Json redacted(const Json& body) {
  if (!body.is_object()) return digest_of(body);
  Json out = Json::object();
  for (const auto& [name, value] : body.items())
    out[shown_name(name)] = redacted_member(name, value);
  return out;
}

Json record_json(const RequestRecord& record, bool redact) {
  Json json = {{"time", utc_text(record.time)},
               {"id", record.id},
               {"path", record.path},
               {"body", body_json(record.body, redact)},
               {"status", record.status},
               {"complete", record.notes.complete},
               {"redacted", redact},
               {"tokens", Json::object()},
               {"timings", {{"total_ms", record.ms}}}};
  for (const log::Field& field : record.notes.fields) add_note(field, redact, json);
  json["reply"] = Json::array();
  for (const std::string& text : record.notes.texts) {
    json["reply"].push_back(redact ? digest(text) : Json(text));
  }
  return json;
}

}  // namespace llm::server
