#include "grammar/json/json_validate.h"

#include <algorithm>

#include "grammar/json/json_number.h"
#include "grammar/json/json_string_language.h"

namespace llm::grammar {
namespace {

constexpr int kMaxDepth = 200;
constexpr int kMaxSteps = 2'000'000;

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool is_count(const Json& argument) {
  return argument.is_number() && argument >= 0;
}

}  // namespace

bool has_type(const Json& value, const std::string& name) {
  if (name == "null") return value.is_null();
  if (name == "boolean") return value.is_boolean();
  if (name == "string") return value.is_string();
  if (name == "array") return value.is_array();
  if (name == "object") return value.is_object();
  if (name == "number") return value.is_number();
  NumberShape integers;
  integers.integer = true;
  return name == "integer" && value.is_number() && fits(integers, value);
}

bool Validator::matches(const std::string& pattern, const std::string& text) {
  auto known = automata_.find(pattern);
  if (known == automata_.end()) {
    std::optional<Dfa> automaton;
    try {
      automaton = regex_dfa(parse_regex(pattern));
    } catch (const UnsupportedPattern&) {
    } catch (const TooComplex&) {
    }
    known = automata_.emplace(pattern, std::move(automaton)).first;
  }
  return !known->second || known->second->matches(text);
}

bool Validator::is_valid(const Json& value, const Json& schema, int depth) {
  if (depth > kMaxDepth || ++steps_ > kMaxSteps) {
    throw GrammarError("the values of an enum take too long to check");
  }
  if (schema.is_boolean()) return schema.get<bool>();
  if (!schema.is_object()) return true;
  for (const auto& [keyword, argument] : schema.items()) {
    if (!meets(keyword, argument, value, schema, depth)) return false;
  }
  return true;
}

bool Validator::meets(const std::string& keyword, const Json& argument, const Json& value,
                      const Json& schema, int depth) {
  const auto branch = [&](const Json& part) { return is_valid(value, part, depth + 1); };
  if (keyword == "type") {
    if (argument.is_string()) {
      const auto nullable = schema.find("nullable");
      const bool is_nullable = nullable != schema.end() && *nullable == true;
      return has_type(value, argument.get<std::string>()) || (is_nullable && value.is_null());
    }
    return std::any_of(argument.begin(), argument.end(), [&](const Json& name) {
      return name.is_string() && has_type(value, name.get<std::string>());
    });
  }
  if (keyword == "const") return value == argument;
  if (keyword == "enum") {
    return std::find(argument.begin(), argument.end(), value) != argument.end();
  }
  if (keyword == "$ref" && argument.is_string()) {
    const Json* target = references_.find(argument.get<std::string>());
    return !target || branch(*target);
  }
  if (argument.is_array()) {
    if (keyword == "allOf") return std::all_of(argument.begin(), argument.end(), branch);
    if (keyword == "anyOf") return std::any_of(argument.begin(), argument.end(), branch);
    if (keyword == "oneOf") return std::count_if(argument.begin(), argument.end(), branch) == 1;
  }
  if (keyword == "not") return !branch(argument);
  if (keyword == "if") {
    const auto other = schema.find(branch(argument) ? "then" : "else");
    return other == schema.end() || branch(*other);
  }
  if (value.is_string()) return meets_for_string(keyword, argument, value.get<std::string>());
  if (value.is_number()) return meets_for_number(keyword, argument, value);
  if (value.is_array()) return meets_for_array(keyword, argument, value, schema, depth);
  if (value.is_object()) return meets_for_object(keyword, argument, value, schema, depth);
  return true;
}

bool Validator::meets_for_string(const std::string& keyword, const Json& argument,
                                 const std::string& value) {
  if (keyword == "minLength" && is_count(argument)) return characters(value) >= argument;
  if (keyword == "maxLength" && is_count(argument)) return characters(value) <= argument;
  if (keyword == "pattern" && argument.is_string()) {
    return matches(argument.get<std::string>(), value);
  }
  if (keyword == "format" && argument.is_string()) {
    const std::string pattern = format_pattern(argument.get<std::string>());
    return pattern.empty() || matches(pattern, value);
  }
  return true;
}

bool Validator::meets_for_number(const std::string& keyword, const Json& argument,
                                 const Json& value) {
  const auto limit = decimal_of(argument);
  if (!limit) return true;
  NumberShape shape;
  if (keyword == "minimum") shape.minimum = {*limit, false};
  if (keyword == "exclusiveMinimum") shape.minimum = {*limit, true};
  if (keyword == "maximum") shape.maximum = {*limit, false};
  if (keyword == "exclusiveMaximum") shape.maximum = {*limit, true};
  if (keyword == "multipleOf") shape.multiples_of = {*limit};
  return fits(shape, value);
}

bool Validator::meets_for_array(const std::string& keyword, const Json& argument, const Json& value,
                                const Json& schema, int depth) {
  if (keyword == "minItems" && is_count(argument)) return value.size() >= argument;
  if (keyword == "maxItems" && is_count(argument)) return value.size() <= argument;
  const bool is_list = argument.is_array() && (keyword == "prefixItems" || keyword == "items");
  if (is_list) {
    for (std::size_t i = 0; i < std::min(value.size(), argument.size()); ++i) {
      if (!is_valid(value[i], argument[i], depth + 1)) return false;
    }
    return true;
  }
  if (keyword != "items" && keyword != "additionalItems") return true;
  const auto list = schema.find(keyword == "items" ? "prefixItems" : "items");
  const bool has_list = list != schema.end() && list->is_array();
  if (keyword == "additionalItems" && !has_list) return true;
  for (std::size_t i = has_list ? list->size() : 0; i < value.size(); ++i) {
    if (!is_valid(value[i], argument, depth + 1)) return false;
  }
  return true;
}

bool Validator::meets_for_object(const std::string& keyword, const Json& argument,
                                 const Json& value, const Json& schema, int depth) {
  if (keyword == "minProperties" && is_count(argument)) return value.size() >= argument;
  if (keyword == "maxProperties" && is_count(argument)) return value.size() <= argument;
  if (keyword == "required" && argument.is_array()) {
    return std::all_of(argument.begin(), argument.end(), [&](const Json& name) {
      return !name.is_string() || value.contains(name.get<std::string>());
    });
  }
  if (keyword == "propertyNames") {
    for (const auto& member : value.items()) {
      if (!is_valid(Json(member.key()), argument, depth + 1)) return false;
    }
    return true;
  }
  const bool additional = keyword == "additionalProperties";
  if (!additional && keyword != "properties" && keyword != "patternProperties") return true;
  const auto properties = schema.find("properties");
  const auto patterns = schema.find("patternProperties");
  for (const auto& member : value.items()) {
    const std::string& name = member.key();
    bool known = properties != schema.end() && properties->contains(name);
    if (keyword == "properties" && known &&
        !is_valid(member.value(), (*properties)[name], depth + 1)) {
      return false;
    }
    if (keyword == "properties" || patterns == schema.end()) {
      if (additional && !known && !is_valid(member.value(), argument, depth + 1)) return false;
      continue;
    }
    for (const auto& pattern : patterns->items()) {
      if (!matches(pattern.key(), name)) continue;
      known = true;
      if (!additional && !is_valid(member.value(), pattern.value(), depth + 1)) return false;
    }
    if (additional && !known && !is_valid(member.value(), argument, depth + 1)) return false;
  }
  return true;
}

}  // namespace llm::grammar
