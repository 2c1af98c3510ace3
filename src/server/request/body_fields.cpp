#include "server/request/body_fields.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

struct TypeName {
  unsigned type;
  const char* name;
};
constexpr TypeName kNames[] = {{kBool, "boolean"},  {kInteger, "integer"}, {kNumber, "number"},
                               {kString, "string"}, {kArray, "array"},     {kObject, "object"}};

bool is_one_of(const Json& value, unsigned types) {
  if (value.is_boolean()) return (types & (kBool | kInteger)) != 0;
  if (value.is_number()) return (types & (kInteger | kNumber)) != 0;
  if (value.is_string()) return (types & kString) != 0;
  if (value.is_array()) return (types & kArray) != 0;
  return (types & kObject) != 0;
}

/// "string or array", with the JSON parser's word for integers.
std::string names_of(unsigned types) {
  std::string out;
  for (const auto& [type, name] : kNames) {
    if ((types & type) == 0) continue;
    out += out.empty() ? "" : " or ";
    out += type == kInteger ? "number" : name;
  }
  return out;
}

}  // namespace

void check_types(const Json& body, BodyFields fields) {
  for (const BodyField& field : fields) {
    const Json* value = find(body, field.name);
    if (value == nullptr || is_one_of(*value, field.types)) continue;
    const std::string name(field.name);
    if (!field.complaint.empty()) bad_field(name, std::string(field.complaint));
    wrong_type(name, names_of(field.types), *value);
  }
}

Json schema_of_types(unsigned types) {
  Json names = Json::array();
  for (const auto& [type, name] : kNames) {
    if ((types & type) != 0) names.push_back(name);
  }
  if (types == kAnyType) return Json::object();
  return {{"type", names.size() == 1 ? names[0] : names}};
}

Json schema_of(const BodyField& field) {
  Json schema = schema_of_types(field.types);
  schema["description"] = field.about;
  if (!field.more.empty()) schema.update(Json::parse(field.more));
  return schema;
}

}  // namespace llm::server
