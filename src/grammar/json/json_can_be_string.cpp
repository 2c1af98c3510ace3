// Chat formats with tags write strings verbatim and everything else as JSON; this tells which of
// the two a parameter is.
#include <algorithm>
#include <array>
#include <string_view>

#include "grammar/json/json_reference.h"
#include "grammar/json_schema.h"

namespace llm::grammar {
namespace {

constexpr int kMaxDepth = 32;
/// Schemas looked at in all, however references multiply them.
constexpr int kMaxSteps = 10'000;

constexpr std::array<std::string_view, 22> kStringFormats = {
    "date-time", "time",          "date",         "duration", "email", "idn-email",
    "hostname",  "idn-hostname",  "ipv4",         "ipv6",     "uri",   "uri-reference",
    "iri",       "iri-reference", "uri-template", "uuid",     "uuid1", "uuid2",
    "uuid3",     "uuid4",         "uuid5",        "regex"};

bool is_string_format(const Json& format) {
  return format.is_string() && std::find(kStringFormats.begin(), kStringFormats.end(),
                                         format.get<std::string>()) != kStringFormats.end();
}

class Search {
 public:
  explicit Search(const Json& root) : references_(root) {}

  bool can_be_string(const Json& schema, int depth = 0) {
    if (depth > kMaxDepth || ++steps_ > kMaxSteps || !schema.is_object()) return false;
    for (const auto& [key, value] : schema.items()) {
      if (says_string(key, value, depth)) return true;
    }
    return false;
  }

 private:
  bool says_string(const std::string& key, const Json& value, int depth) {
    const auto is_string = [](const Json& v) { return v.is_string(); };
    const auto branch = [&](const Json& v) { return can_be_string(v, depth + 1); };
    if (key == "type") {
      return value == "string" ||
             (value.is_array() && std::find(value.begin(), value.end(), "string") != value.end());
    }
    if (key == "const") return value.is_string();
    if (key == "pattern" || key == "minLength" || key == "maxLength") return true;
    if (key == "format") return is_string_format(value);
    if (key == "$ref") {
      const Json* target = value.is_string() ? references_.find(value.get<std::string>()) : nullptr;
      return target && branch(*target);
    }
    if (!value.is_array()) return false;
    if (key == "enum") return std::any_of(value.begin(), value.end(), is_string);
    if (key == "anyOf" || key == "oneOf") return std::any_of(value.begin(), value.end(), branch);
    if (key == "allOf") return !value.empty() && std::all_of(value.begin(), value.end(), branch);
    return false;
  }

  References references_;
  int steps_ = 0;
};

}  // namespace

bool can_be_string(const Json& schema, const Json& root) {
  return Search(root).can_be_string(schema);
}

}  // namespace llm::grammar
