// The JSON type of the project: objects keep the order in which keys were written, because
// clients and tests compare texts.
#pragma once

#include <nlohmann/json.hpp>

namespace llm {
using Json = nlohmann::ordered_json;

/// Null when `object` is none, or has no such member.
inline const Json* find_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}
inline const Json* find_member(const Json* object, const char* name) {
  return object ? find_member(*object, name) : nullptr;
}

/// A member that is null counts as absent.
inline const Json* find_value(const Json& object, const char* name) {
  const Json* found = find_member(object, name);
  return found && !found->is_null() ? found : nullptr;
}

}  // namespace llm
