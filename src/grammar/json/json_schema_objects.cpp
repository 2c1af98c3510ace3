#include <algorithm>
#include <set>

#include "grammar/json/json_schema_read.h"
#include "grammar/json/json_validate.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kMaxPatterns = 4;
constexpr std::size_t kMaxListedNames = 200;

const Json* object_member(SchemaSource& source, const Json* schema, const char* key) {
  const Json* found = find_member(schema, key);
  if (found && !found->is_object()) source.fail(schema, key, "must be an object");
  return found;
}

}  // namespace

ObjectShape ObjectReader::read(const SchemaSet& set) {
  ObjectShape out;
  read_counts(set, out);
  read_patterns(set);
  read_names(set);
  read_members(set, out);
  read_open(set, out);
  return out;
}

void ObjectReader::read_counts(const SchemaSet& set, ObjectShape& out) {
  for (const Json* schema : set) {
    if (const Json* value = find_member(schema, "minProperties")) {
      out.minimum = std::max(out.minimum, read_count(source_, schema, "minProperties", *value));
    }
    if (const Json* value = find_member(schema, "maxProperties")) {
      const int count = read_count(source_, schema, "maxProperties", *value);
      out.maximum = out.maximum < 0 ? count : std::min(out.maximum, count);
    }
  }
}

void ObjectReader::read_patterns(const SchemaSet& set) {
  for (const Json* schema : set) {
    const Json* patterns = object_member(source_, schema, "patternProperties");
    if (!patterns) continue;
    for (const auto& entry : patterns->items()) {
      const std::string& text = entry.key();
      const auto is_same = [&](const Pattern& other) { return other.text == text; };
      if (std::any_of(patterns_.begin(), patterns_.end(), is_same)) continue;
      try {
        if (patterns_.size() == kMaxPatterns) throw TooComplex("too many patterns");
        patterns_.push_back({text, std::make_shared<Dfa>(regex_dfa(parse_regex(text)))});
      } catch (const UnsupportedPattern&) {
        source_.pass_over(schema, "patternProperties");
      } catch (const TooComplex&) {
        source_.pass_over(schema, "patternProperties");
      } catch (const GrammarError& reason) {
        source_.fail(schema, "patternProperties", reason.what());
      }
    }
  }
}

void ObjectReader::read_names(const SchemaSet& set) {
  for (const Json* schema : set) {
    const Json* names = find_member(schema, "propertyNames");
    if (!names) continue;
    const Json* part = source_.part(schema, "propertyNames", *names);
    const std::vector<SchemaSet> branches = alternatives(source_, {part});
    if (branches.size() > 1) {
      source_.pass_over(schema, "propertyNames");
      continue;
    }
    std::optional<Dfa> keys = Dfa{};
    if (!branches.empty()) {
      const SchemaSet& branch = branches[0];
      std::vector<std::string> listed;
      bool is_listed = false;
      for (const Json* one : branch) {
        const Json* values = find_member(one, "enum");
        const Json* value = find_member(one, "const");
        if (!values && !value) continue;
        is_listed = true;
        const Json list = value ? Json::array({*value}) : *values;
        for (const Json& name : list) {
          if (name.is_string()) listed.push_back(name.get<std::string>());
        }
      }
      try {
        const auto pass_over = [&](const std::string&) {
          source_.pass_over(schema, "propertyNames");
        };
        keys = string_dfa(string_language(read_string_shape(source_, branch), "", pass_over));
        if (is_listed) {
          keys = intersection(*keys, words_dfa(listed));
          if (listed.size() <= kMaxListedNames) {
            listed_names_.insert(listed_names_.end(), listed.begin(), listed.end());
          }
        }
      } catch (const TooComplex&) {
        source_.pass_over(schema, "propertyNames");
        continue;
      }
    }
    names_ = names_ ? intersection(*names_, *keys) : *keys;
  }
}

bool ObjectReader::pattern_applies(const Json* schema, const std::string& pattern) const {
  const Json* patterns = find_member(schema, "patternProperties");
  return patterns && patterns->is_object() && patterns->contains(pattern);
}

/// What the value of a member has to be.
SchemaSet ObjectReader::values_of_name(const SchemaSet& set, const std::string& name) {
  SchemaSet out;
  if (names_ && !names_->matches(name)) return {SchemaSource::nothing()};
  for (const Json* schema : set) {
    bool is_known = false;
    for (const char* key : {"properties", kMembers}) {
      const Json* properties = object_member(source_, schema, key);
      if (!properties || !properties->contains(name)) continue;
      is_known = true;
      out.push_back(source_.part(schema, "properties", name, (*properties)[name]));
    }
    for (const Pattern& pattern : patterns_) {
      if (!pattern_applies(schema, pattern.text) || !pattern.keys->matches(name)) continue;
      is_known = true;
      out.push_back(source_.part(schema, "patternProperties",
                                 (*find_member(schema, "patternProperties"))[pattern.text]));
    }
    const Json* rest = find_member(schema, "additionalProperties");
    if (rest && !is_known) out.push_back(source_.part(schema, "additionalProperties", *rest));
  }
  return out;
}

void ObjectReader::read_members(const SchemaSet& set, ObjectShape& out) {
  std::vector<std::string> names;
  std::set<std::string> known, required, forbidden;
  const auto add = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const Json* schema : set) {
    for (const char* key : {"properties", kMembers}) {
      const Json* properties = object_member(source_, schema, key);
      if (!properties) continue;
      for (const auto& entry : properties->items()) add(entry.key());
    }
    if (const Json* list = find_member(schema, kForbid)) {
      for (const Json& name : *list) forbidden.insert(name.get<std::string>());
    }
  }
  for (const Json* schema : set) {
    const Json* list = find_member(schema, "required");
    if (!list || list->is_boolean()) continue;  // draft 3 had a boolean here
    if (!list->is_array()) source_.fail(schema, "required", "must be a list of names");
    for (const Json& name : *list) {
      if (!name.is_string()) source_.fail(schema, "required", "must be a list of names");
      add(name.get<std::string>());
      required.insert(name.get<std::string>());
    }
  }
  for (const std::string& name : forbidden) add(name);
  for (const std::string& name : names) {
    SchemaSet values = values_of_name(set, name);
    if (forbidden.count(name) > 0) values = {SchemaSource::nothing()};
    out.members.push_back({name, nodes_.node_of(std::move(values)), required.count(name) > 0});
  }
}

/// Objects that list their properties have no others, unless the schema says something about them.
bool ObjectReader::is_closed_by_default(const SchemaSet& set) const {
  return std::any_of(set.begin(), set.end(), [](const Json* schema) {
    return find_member(schema, "properties") || find_member(schema, "patternProperties");
  });
}

SchemaSet ObjectReader::values_of_patterns(const SchemaSet& set, unsigned mask, bool& is_open) {
  SchemaSet out;
  is_open = mask != 0;
  for (const Json* schema : set) {
    bool is_known = false;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      const std::string& text = patterns_[i].text;
      if (!(mask >> i & 1) || !pattern_applies(schema, text)) continue;
      is_known = true;
      out.push_back(source_.part(schema, "patternProperties",
                                 (*find_member(schema, "patternProperties"))[text]));
    }
    if (is_known) continue;
    for (const char* key : {"additionalProperties", "unevaluatedProperties"}) {
      if (const Json* rest = find_member(schema, key)) {
        is_open = true;
        out.push_back(source_.part(schema, key, *rest));
        break;
      }
    }
  }
  return out;
}

std::shared_ptr<const Dfa> ObjectReader::keys_of(unsigned mask, const ObjectShape& out,
                                                 bool& none) {
  std::optional<Dfa> keys = names_;
  const auto narrow = [&](const Dfa& more) { keys = keys ? intersection(*keys, more) : more; };
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    narrow(mask >> i & 1 ? *patterns_[i].keys : complement(*patterns_[i].keys));
  }
  std::vector<std::string> taken;
  for (const ObjectShape::Member& known : out.members) taken.push_back(known.name);
  if (!taken.empty()) narrow(complement(words_dfa(taken)));
  none = keys && keys->is_empty();
  return keys ? std::make_shared<const Dfa>(minimized(*keys)) : nullptr;
}

void ObjectReader::read_open(const SchemaSet& set, ObjectShape& out) {
  for (unsigned mask = 0; mask < 1u << patterns_.size(); ++mask) {
    bool is_open = false, none = false;
    const SchemaSet values = values_of_patterns(set, mask, is_open);
    if (!is_open && is_closed_by_default(set)) continue;
    if (std::any_of(values.begin(), values.end(), [](const Json* v) { return *v == false; })) {
      continue;
    }
    const int node = nodes_.node_of(values);
    if (mask == 0 && !listed_names_.empty()) {
      // A fixed list of keys: members that may be there, so that none comes twice.
      for (const std::string& name : listed_names_) {
        const auto is_same = [&](const auto& known) { return known.name == name; };
        if (std::any_of(out.members.begin(), out.members.end(), is_same)) continue;
        if (names_->matches(name)) out.members.push_back({name, node, false});
      }
      continue;
    }
    try {
      const auto keys = keys_of(mask, out, none);
      if (!none) out.open.push_back({keys, node});
    } catch (const TooComplex&) {
      source_.pass_over(set.front(), "additionalProperties");
    }
  }
}

}  // namespace llm::grammar
