// Whether a value is valid under a schema: to choose among the values of an enum.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "grammar/json/json_reference.h"
#include "grammar/regex/dfa.h"

namespace llm::grammar {

class Validator {
 public:
  explicit Validator(References& references) : references_(references) {}

  /// Keywords that automata cannot express count as met. Throws GrammarError where the work gets
  /// too much.
  bool is_valid(const Json& value, const Json& schema) { return is_valid(value, schema, 0); }

 private:
  bool is_valid(const Json& value, const Json& schema, int depth);
  bool meets(const std::string& keyword, const Json& argument, const Json& value,
             const Json& schema, int depth);
  bool meets_for_string(const std::string& keyword, const Json& argument, const std::string& value);
  bool meets_for_number(const std::string& keyword, const Json& argument, const Json& value);
  bool meets_for_array(const std::string& keyword, const Json& argument, const Json& value,
                       const Json& schema, int depth);
  bool meets_for_object(const std::string& keyword, const Json& argument, const Json& value,
                        const Json& schema, int depth);

  bool matches(const std::string& pattern, const std::string& text);

  References& references_;
  std::map<std::string, std::optional<Dfa>> automata_;  // of patterns; nothing: not expressible
  int steps_ = 0;
};

/// Whether `value` is of the JSON Schema type `name`.
bool has_type(const Json& value, const std::string& name);

}  // namespace llm::grammar
