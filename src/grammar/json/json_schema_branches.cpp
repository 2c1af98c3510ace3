// The alternatives of a set of schemas: one branch for each choice that any of them leaves.
#include <algorithm>
#include <set>

#include "grammar/json/json_schema_source.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kMaxAlternatives = 2000;
constexpr std::size_t kMaxWork = 300'000;

/// One of these sets holds.
using Choice = std::vector<SchemaSet>;

bool names_type(const Json* type, const char* name) {
  if (!type) return true;
  if (type->is_array()) return std::find(type->begin(), type->end(), name) != type->end();
  return *type == name;
}

Json object_of(const std::string& key, Json value) {
  Json out = Json::object();
  out[key] = std::move(value);
  return out;
}

/// A combination that is being put together.
struct Draft {
  SchemaSet schemas;
  std::vector<Choice> open;  // choices still to be made, the next one last
  std::set<const Json*> seen;
  bool is_possible = true;
};

class Expansion {
 public:
  explicit Expansion(SchemaSource& source) : source_(source) {}

  std::vector<SchemaSet> run(const SchemaSet& set) {
    std::vector<SchemaSet> out;
    std::vector<Draft> work(1);
    add(work.back(), set);
    while (!work.empty()) {
      Draft draft = std::move(work.back());
      work.pop_back();
      if (!draft.is_possible) continue;
      if (draft.open.empty()) {
        if (out.size() >= kMaxAlternatives) too_many(set);
        if (std::find(out.begin(), out.end(), draft.schemas) == out.end()) {
          out.push_back(std::move(draft.schemas));
        }
        continue;
      }
      const Choice choice = std::move(draft.open.back());
      draft.open.pop_back();
      for (auto branch = choice.rbegin(); branch != choice.rend(); ++branch) {
        spent_ += draft.schemas.size() + 1;
        if (spent_ > kMaxWork || work.size() > kMaxAlternatives) too_many(set);
        work.push_back(draft);
        add(work.back(), *branch);
      }
    }
    return out;
  }

 private:
  [[noreturn]] void too_many(const SchemaSet& set) {
    source_.fail(set.front(), "anyOf", "too many combinations");
  }

  /// Adds schemas and all that they refer to.
  void add(Draft& draft, const SchemaSet& set) {
    std::vector<const Json*> work(set.rbegin(), set.rend());
    std::vector<Choice> choices;
    while (!work.empty()) {
      const Json* schema = work.back();
      work.pop_back();
      if (++spent_ > kMaxWork) too_many(set);
      if (schema->is_boolean()) {
        draft.is_possible &= schema->get<bool>();
        continue;
      }
      if (!schema->is_object()) source_.fail(schema, "schema", "must be an object or a boolean");
      if (!draft.seen.insert(schema).second) continue;
      draft.schemas.push_back(schema);
      SchemaSet more;
      for (const auto& [key, value] : schema->items()) {
        read(schema, key, value, more, choices);
      }
      work.insert(work.end(), more.rbegin(), more.rend());
    }
    draft.open.insert(draft.open.end(), choices.rbegin(), choices.rend());
  }

  void read(const Json* schema, const std::string& key, const Json& value, SchemaSet& more,
            std::vector<Choice>& choices) {
    if (key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef") {
      if (!value.is_string()) source_.fail(schema, key, "must be a string");
      more.push_back(source_.target(schema, value.get<std::string>()));
    } else if (key == "allOf") {
      for (const Json* part : list(schema, key, value)) more.push_back(part);
    } else if (key == "anyOf" || key == "oneOf") {
      Choice choice;
      for (const Json* part : list(schema, key, value)) choice.push_back({part});
      choices.push_back(std::move(choice));
    } else if (key == "dependentRequired" || key == "dependentSchemas" || key == "dependencies") {
      if (!value.is_object()) source_.fail(schema, key, "must be an object");
      for (const auto& [name, what] : value.items()) {
        choices.push_back(dependency(schema, key, name, what));
      }
    } else if (key == "if") {
      add_condition(schema, value, choices);
    } else if (key == "not") {
      add_negation(schema, value, more);
    }
  }

  std::vector<const Json*> list(const Json* schema, const std::string& key, const Json& value) {
    if (!value.is_array() || value.empty()) {
      source_.fail(schema, key, "must be a list of schemas");
    }
    std::vector<const Json*> out;
    for (std::size_t i = 0; i < value.size(); ++i) {
      out.push_back(source_.part(schema, key, i, value[i]));
    }
    return out;
  }

  /// Without `name`, or with it and what it asks for.
  Choice dependency(const Json* schema, const std::string& key, const std::string& name,
                    const Json& what) {
    const Json* without =
        source_.made(schema, "without " + name, object_of(kForbid, Json::array({name})));
    Json names = Json::array({name});
    if (!what.is_array()) {
      const Json* with = source_.made(schema, "with " + name, object_of("required", names));
      return {{with, source_.part(schema, key, what)}, {without}};
    }
    names.insert(names.end(), what.begin(), what.end());
    const Json* with =
        source_.made(schema, key + " of " + name, object_of("required", std::move(names)));
    return {{with}, {without}};
  }

  /// What can be said of the opposite of `schema`: one of these sets holds. Nothing: it cannot.
  Choice opposite(const Json* owner, const Json& schema) {
    if (schema.is_boolean()) {
      return {{schema.get<bool>() ? SchemaSource::nothing() : SchemaSource::everything()}};
    }
    if (!schema.is_object()) return {};
    if (schema.empty()) return {{SchemaSource::nothing()}};
    const Json* type = find_member(schema, "type");
    const Json* required = find_member(schema, "required");
    const Json* properties = find_member(schema, "properties");
    std::size_t understood = 0;
    for (const Json* part : {required, properties}) understood += part != nullptr;
    const bool about_objects = understood > 0 && names_type(type, "object");
    if (about_objects && understood + (type != nullptr) == schema.size()) {
      return opposite_object(owner, required, properties);
    }
    if (schema.size() != 1) return {};
    if (type)
      return {{source_.made(owner, "not type " + type->dump(), object_of(kNotTypes, *type))}};
    if (const Json* value = find_member(schema, "const")) {
      return {
          {source_.made(owner, "not " + value->dump(), object_of(kRefuse, Json::array({*value})))}};
    }
    if (const Json* values = find_member(schema, "enum")) {
      return {{source_.made(owner, "not " + values->dump(), object_of(kRefuse, *values))}};
    }
    return {};
  }

  /// Of an object: some required name is absent, or some member has another value.
  Choice opposite_object(const Json* owner, const Json* required, const Json* properties) {
    Choice out;
    if (required && !required->is_array()) return {};
    if (properties && !properties->is_object()) return {};
    if (required) {
      for (const Json& name : *required) {
        if (!name.is_string()) return {};
        out.push_back({source_.made(owner, "without " + name.get<std::string>(),
                                    object_of(kForbid, Json::array({name})))});
      }
    }
    if (!properties) return out;
    for (const auto& [name, schema] : properties->items()) {
      if (!schema.is_object() || schema.size() > 2) return {};
      const Json* value = find_member(schema, "const");
      const Json* values = find_member(schema, "enum");
      const std::size_t annotations = schema.contains("type") || schema.contains("description");
      if ((!value && !values) || schema.size() != 1 + annotations) return {};
      const Json refused = value ? Json::array({*value}) : *values;
      Json made = object_of(kMembers, object_of(name, object_of(kRefuse, refused)));
      made["required"] = Json::array({name});
      out.push_back({source_.made(owner, "other " + name + refused.dump(), made)});
    }
    return out;
  }

  void add_condition(const Json* schema, const Json& condition, std::vector<Choice>& choices) {
    const Json* then = find_member(*schema, "then");
    const Json* otherwise = find_member(*schema, "else");
    if (!then && !otherwise) return;
    Choice unmet = opposite(schema, condition);
    if (unmet.empty()) return source_.pass_over(schema, "if");
    Choice out;
    SchemaSet met = {condition_of(schema, condition)};
    if (then) met.push_back(source_.part(schema, "then", *then));
    for (SchemaSet& set : unmet) {
      if (otherwise) set.push_back(source_.part(schema, "else", *otherwise));
    }
    out.push_back(std::move(met));
    out.insert(out.end(), unmet.begin(), unmet.end());
    choices.push_back(std::move(out));
  }

  /// The condition itself, so that its properties do not close the object.
  const Json* condition_of(const Json* schema, const Json& condition) {
    Json made = Json::object();
    if (!condition.is_object()) return source_.part(schema, "if", condition);
    for (const auto& [key, value] : condition.items()) {
      made[key == "properties" ? kMembers : key] = value;
    }
    return source_.made(schema, "if", made);
  }

  void add_negation(const Json* schema, const Json& negated, SchemaSet& more) {
    const Choice choice = opposite(schema, negated);
    if (choice.size() != 1) return source_.pass_over(schema, "not");
    more.insert(more.end(), choice[0].begin(), choice[0].end());
  }

  SchemaSource& source_;
  std::size_t spent_ = 0;
};

}  // namespace

std::vector<SchemaSet> alternatives(SchemaSource& source, const SchemaSet& set) {
  return Expansion(source).run(set);
}

}  // namespace llm::grammar
