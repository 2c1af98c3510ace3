#include "grammar/json/json_schema_read.h"

#include <algorithm>
#include <array>

#include "grammar/json/json_validate.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kMaxShapes = 50'000;
constexpr std::size_t kMaxPrefix = 1000;

struct TypeName {
  const char* name;
  TypeSet bit;
};
constexpr std::array<TypeName, 7> kTypeNames = {{{"null", kNull},
                                                 {"boolean", kBoolean},
                                                 {"integer", kNumber},
                                                 {"number", kNumber},
                                                 {"string", kString},
                                                 {"array", kArray},
                                                 {"object", kObject}}};

/// Keywords that ask something of one type only, and so tell what is meant where `type` is missing.
struct Keyword {
  const char* name;
  TypeSet type;
  bool is_expressed;
};
constexpr Keyword kKeywords[] = {
    {"properties", kObject, true},
    {"required", kObject, true},
    {"additionalProperties", kObject, true},
    {"patternProperties", kObject, true},
    {"propertyNames", kObject, true},
    {"minProperties", kObject, true},
    {"maxProperties", kObject, true},
    {"dependentRequired", kObject, true},
    {"dependentSchemas", kObject, true},
    {"dependencies", kObject, true},
    {"unevaluatedProperties", kObject, true},
    {kMembers, kObject, true},
    {kForbid, kObject, true},
    {"items", kArray, true},
    {"prefixItems", kArray, true},
    {"additionalItems", kArray, true},
    {"unevaluatedItems", kArray, true},
    {"minItems", kArray, true},
    {"maxItems", kArray, true},
    {"uniqueItems", kArray, true},
    {"contains", kArray, false},
    {"minLength", kString, true},
    {"maxLength", kString, true},
    {"pattern", kString, true},
    {"minimum", kNumber, true},
    {"maximum", kNumber, true},
    {"exclusiveMinimum", kNumber, true},
    {"exclusiveMaximum", kNumber, true},
    {"multipleOf", kNumber, true},
};

class ShapeReader {
 public:
  ShapeReader(SchemaSource& source, NodeTable& nodes, const SchemaSet& set)
      : source_(source), nodes_(nodes), set_(set) {}

  SchemaShape read() {
    read_types();
    read_values();
    if (shape_.values) return std::move(shape_);
    if (shape_.types & kNumber) read_number();
    if (shape_.types & kString) read_string();
    if (shape_.types & kArray) read_array();
    if (shape_.types & kObject) {
      shape_.object = ObjectReader(source_, nodes_).read(set_);
    }
    shape_.is_any = is_any();
    return std::move(shape_);
  }

 private:
  void read_types() {
    TypeSet implied = 0;
    bool is_typed = false;
    for (const Json* schema : set_) {
      for (const auto& entry : schema->items()) implied |= look_at(schema, entry.key());
      if (const Json* type = find_member(schema, "type")) {
        is_typed = true;
        shape_.types &= types_of(schema, *type);
      }
      if (const Json* types = find_member(schema, kNotTypes))
        shape_.types &= without(schema, *types);
    }
    const bool has_values = std::any_of(set_.begin(), set_.end(), [](const Json* schema) {
      return find_member(schema, "enum") || find_member(schema, "const");
    });
    if (!is_typed && implied != 0 && !has_values) shape_.types &= implied;
  }

  /// The type that a keyword is about; 0 for those that say nothing.
  TypeSet look_at(const Json* schema, const std::string& key) {
    for (const Keyword& keyword : kKeywords) {
      if (key != keyword.name) continue;
      if (!keyword.is_expressed) source_.pass_over(schema, key);
      return keyword.type;
    }
    if (key == "format") {
      const Json& format = (*schema)[key];
      const bool asks = format.is_string() && !format_pattern(format.get<std::string>()).empty();
      return asks ? static_cast<TypeSet>(kString) : 0;
    }
    return 0;
  }

  TypeSet bit_of(const Json* schema, const Json& name) {
    if (!name.is_string()) source_.fail(schema, "type", "must be a name or a list of names");
    for (const TypeName& type : kTypeNames) {
      if (name == type.name) return type.bit;
    }
    source_.fail(schema, "type", "unknown type '" + name.get<std::string>() + "'");
  }

  TypeSet types_of(const Json* schema, const Json& type) {
    TypeSet out = 0;
    bool integer = false, number = false;
    const auto add = [&](const Json& name) {
      out |= bit_of(schema, name);
      integer |= name == "integer";
      number |= name == "number";
    };
    if (type.is_array()) {
      for (const Json& name : type) add(name);
    } else {
      add(type);
    }
    const Json* nullable = find_member(schema, "nullable");  // OpenAPI 3.0
    if (nullable && *nullable == true) out |= kNull;
    shape_.number.integer |= integer && !number;
    return out;
  }

  TypeSet without(const Json* schema, const Json& types) {
    TypeSet out = kAllTypes;
    const Json list = types.is_array() ? types : Json::array({types});
    for (const Json& name : list) {
      if (name == "integer") {
        source_.pass_over(schema, "not");
      } else {
        out &= ~bit_of(schema, name);
      }
    }
    return out;
  }

  void read_values() {
    for (const Json* schema : set_) {
      const Json* values = find_member(schema, "enum");
      if (values && !values->is_array()) source_.fail(schema, "enum", "must be a list");
      if (values) keep(std::vector<Json>(values->begin(), values->end()));
      if (const Json* value = find_member(schema, "const")) keep({*value});
    }
    if (!shape_.values) return read_refused();
    Validator validator(source_.references());
    std::vector<Json> others;  // the schemas without their values, which were looked at above
    for (const Json* schema : set_) {
      others.push_back(*schema);
      others.back().erase("enum");
      others.back().erase("const");
    }
    const auto is_wrong = [&](const Json& value) {
      return !std::all_of(others.begin(), others.end(), [&](const Json& other) {
        const Json* schema = &other;
        const Json* refused = find_member(schema, kRefuse);
        const Json* types = find_member(schema, kNotTypes);
        return !(refused && is_among(value, *refused)) && !(types && is_of(value, *types)) &&
               validator.is_valid(value, *schema);
      });
    };
    std::vector<Json>& kept = *shape_.values;
    kept.erase(std::remove_if(kept.begin(), kept.end(), is_wrong), kept.end());
  }

  static bool is_among(const Json& value, const Json& list) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
  static bool is_of(const Json& value, const Json& types) {
    const Json list = types.is_array() ? types : Json::array({types});
    return std::any_of(list.begin(), list.end(), [&](const Json& name) {
      return name.is_string() && has_type(value, name.get<std::string>());
    });
  }

  void keep(std::vector<Json> values) {
    if (shape_.values) {
      const std::vector<Json>& old = *shape_.values;
      const auto is_new = [&](const Json& value) {
        return std::find(old.begin(), old.end(), value) == old.end();
      };
      constexpr std::size_t kMaxPairs = 10'000'000;
      if (values.size() * old.size() > kMaxPairs) {
        source_.fail(set_.front(), "enum", "too many values");
      }
      values.erase(std::remove_if(values.begin(), values.end(), is_new), values.end());
    }
    shape_.values = std::move(values);
  }

  /// Values that may not be, where the others cannot be listed.
  void read_refused() {
    for (const Json* schema : set_) {
      const Json* refused = find_member(schema, kRefuse);
      if (!refused) continue;
      for (const Json& value : *refused) {
        if (value.is_boolean()) {
          auto& left = shape_.booleans;
          left.erase(std::remove(left.begin(), left.end(), value.get<bool>()), left.end());
        } else if (value.is_null()) {
          shape_.types &= ~static_cast<TypeSet>(kNull);
        } else if (!value.is_string()) {
          source_.pass_over(schema, "not");
        }
      }
    }
  }

  void read_number() {
    NumberShape& number = shape_.number;
    for (const Json* schema : set_) {
      for (const bool is_minimum : {true, false}) {
        const char* plain = is_minimum ? "minimum" : "maximum";
        const char* exclusive = is_minimum ? "exclusiveMinimum" : "exclusiveMaximum";
        const Json* strict = find_member(schema, exclusive);
        const bool is_draft4 = strict && strict->is_boolean();  // an adverb of the other keyword
        if (const Json* value = find_member(schema, plain)) {
          add_bound(schema, plain, *value, is_minimum, is_draft4 && strict->get<bool>());
        }
        if (strict && !is_draft4) add_bound(schema, exclusive, *strict, is_minimum, true);
      }
      if (const Json* value = find_member(schema, "multipleOf")) {
        const auto multiple = decimal_of(*value);
        if (!value->is_number() || !(*value > 0)) {
          source_.fail(schema, "multipleOf", "must be a number above 0");
        }
        if (multiple) {
          number.multiples_of.push_back(*multiple);
        } else {
          source_.pass_over(schema, "multipleOf");
        }
      }
    }
    if (number.is_plain()) return;
    try {
      shape_.number_texts = number_dfa(number);
    } catch (const TooComplex&) {
      source_.pass_over(set_.front(), "multipleOf");
      number.multiples_of.clear();
      if (!number.is_plain()) shape_.number_texts = number_dfa(number);
    }
  }

  void add_bound(const Json* schema, const char* key, const Json& value, bool is_minimum,
                 bool exclusive) {
    if (!value.is_number()) source_.fail(schema, key, "must be a number");
    const auto bound = decimal_of(value);
    if (!bound) {
      // Far outside of what is written as a number: it bounds nothing, or everything.
      if ((value < 0) != is_minimum && (value > 1 || value < -1)) {
        source_.fail(schema, key, "no number is written that is so large");
      }
      return source_.pass_over(schema, key);
    }
    if (is_minimum) {
      shape_.number.raise_minimum({*bound, exclusive});
    } else {
      shape_.number.lower_maximum({*bound, exclusive});
    }
  }

  void read_string() {
    const auto pass_over = [&](const std::string& what) { source_.pass_over(set_.front(), what); };
    try {
      shape_.string =
          string_language(read_string_shape(source_, set_), source_.string_stop(), pass_over);
    } catch (const UnsupportedPattern&) {
      throw;
    } catch (const GrammarError& reason) {
      source_.fail(set_.front(), "pattern", reason.what());
    }
  }

  void read_array() {
    ArrayShape& array = shape_.array;
    bool has_minimum = false;
    std::size_t prefix = 0;
    for (const Json* schema : set_) {
      if (const Json* value = find_member(schema, "minItems")) {
        has_minimum = true;
        array.minimum = std::max(array.minimum, read_count(source_, schema, "minItems", *value));
      }
      if (const Json* value = find_member(schema, "maxItems")) {
        const int count = read_count(source_, schema, "maxItems", *value);
        array.maximum = array.maximum < 0 ? count : std::min(array.maximum, count);
      }
      if (const Json* unique = find_member(schema, "uniqueItems"); unique && *unique == true) {
        array.unique = true;
      }
      if (const Json* list = prefix_of(schema)) prefix = std::max(prefix, list->size());
    }
    if (prefix > kMaxPrefix) source_.fail(set_.front(), "prefixItems", "too many");
    for (std::size_t i = 0; i < prefix; ++i) {
      array.prefix.push_back(nodes_.node_of(items_at(i)));
    }
    const bool says_rest = std::any_of(
        set_.begin(), set_.end(), [&](const Json* schema) { return rest_of(schema) != nullptr; });
    const int known = static_cast<int>(prefix);
    // A tuple has as many items as it lists, unless the schema says something about their number.
    if (!has_minimum && prefix > 0) {
      array.minimum = array.maximum < 0 ? known : std::min(known, array.maximum);
    }
    if (prefix == 0 || says_rest || array.minimum > known) {
      array.rest = nodes_.node_of(items_at(prefix));
    }
    if (array.unique) check_unique();
  }

  /// Different values of a short list can be told apart; others cannot.
  void check_unique() {
    for (const Json* schema : set_) {
      const Json* items = find_member(schema, "items");
      const Json* values = items && items->is_object() ? find_member(items, "enum") : nullptr;
      if (values && values->is_array() && values->size() <= 30) return;
    }
    for (const Json* schema : set_) {
      if (find_member(schema, "uniqueItems")) source_.pass_over(schema, "uniqueItems");
    }
  }

  const Json* prefix_of(const Json* schema) {
    for (const char* key : {"prefixItems", "items"}) {
      const Json* list = find_member(schema, key);
      if (list && list->is_array()) return list;
    }
    return nullptr;
  }

  /// The schema of items behind the listed ones.
  const Json* rest_of(const Json* schema) {
    const Json* items = find_member(schema, "items");
    if (items && !items->is_array()) return source_.part(schema, "items", *items);
    const Json* rest = items ? find_member(schema, "additionalItems") : nullptr;
    if (rest) return source_.part(schema, "additionalItems", *rest);
    rest = find_member(schema, "unevaluatedItems");
    return rest ? source_.part(schema, "unevaluatedItems", *rest) : nullptr;
  }

  SchemaSet items_at(std::size_t i) {
    SchemaSet out;
    for (const Json* schema : set_) {
      const Json* list = prefix_of(schema);
      if (list && i < list->size()) {
        const char* key = find_member(schema, "prefixItems") ? "prefixItems" : "items";
        out.push_back(source_.part(schema, key, i, (*list)[i]));
      } else if (const Json* rest = rest_of(schema)) {
        out.push_back(rest);
      }
    }
    return out;
  }

  bool is_any() const {
    return shape_.types == kAllTypes &&
           std::all_of(set_.begin(), set_.end(), [](const Json* schema) {
             return std::all_of(schema->items().begin(), schema->items().end(), [&](auto& entry) {
               const bool asks =
                   std::any_of(std::begin(kKeywords), std::end(kKeywords),
                               [&](const Keyword& keyword) { return entry.key() == keyword.name; });
               return !asks && entry.key() != kRefuse && entry.key() != "format";
             });
           });
  }

  SchemaSource& source_;
  NodeTable& nodes_;
  const SchemaSet& set_;
  SchemaShape shape_;
};

}  // namespace

int NodeTable::node_of(SchemaSet set) {
  // Order matters to the order of members only; the same schema twice does not.
  SchemaSet unique;
  for (const Json* schema : set) {
    if (*schema == true) continue;
    if (std::find(unique.begin(), unique.end(), schema) == unique.end()) unique.push_back(schema);
  }
  const auto [found, is_new] = known_.emplace(unique, static_cast<int>(sets_.size()));
  if (is_new) {
    if (sets_.size() >= kMaxNodes) throw GrammarError("the schema is too large");
    sets_.push_back(std::move(unique));
  }
  return found->second;
}

int read_count(SchemaSource& source, const Json* schema, const std::string& key,
               const Json& value) {
  constexpr double kMaxCount = 1'000'000'000;
  if (!value.is_number() || value < 0) source.fail(schema, key, "must be a count");
  const double count = value.get<double>();
  if (count != static_cast<double>(static_cast<long long>(std::min(count, 1e15)))) {
    source.fail(schema, key, "must be a whole number");
  }
  return static_cast<int>(std::min(count, kMaxCount));
}

StringShape read_string_shape(SchemaSource& source, const SchemaSet& set) {
  StringShape out;
  for (const Json* schema : set) {
    if (const Json* value = find_member(schema, "minLength")) {
      out.minimum = std::max(out.minimum, read_count(source, schema, "minLength", *value));
    }
    if (const Json* value = find_member(schema, "maxLength")) {
      const int count = read_count(source, schema, "maxLength", *value);
      out.maximum = out.maximum < 0 ? count : std::min(out.maximum, count);
    }
    if (const Json* pattern = find_member(schema, "pattern")) {
      if (!pattern->is_string()) source.fail(schema, "pattern", "must be a string");
      out.patterns.push_back(pattern->get<std::string>());
    }
    if (const Json* format = find_member(schema, "format"); format && format->is_string()) {
      std::string pattern = format_pattern(format->get<std::string>());
      if (!pattern.empty()) out.patterns.push_back(std::move(pattern));
    }
    if (const Json* refused = find_member(schema, kRefuse)) {
      for (const Json& value : *refused) {
        if (value.is_string()) out.refused.push_back(value.get<std::string>());
      }
    }
  }
  return out;
}

SchemaForm read_schema(SchemaSource& source) {
  SchemaForm form;
  NodeTable nodes;
  nodes.node_of({source.schema()});
  std::size_t shapes = 0;
  for (int node = 0; node < nodes.size(); ++node) {
    const SchemaSet set = nodes.set(node);
    form.nodes.emplace_back();
    if (set.empty()) {
      form.nodes.back().shapes.emplace_back();
      form.nodes.back().shapes.back().is_any = true;
      form.nodes.back().shapes.back().string.stop = source.string_stop();
      continue;
    }
    for (const SchemaSet& one : alternatives(source, set)) {
      if (++shapes > kMaxShapes) throw GrammarError("the schema is too large");
      SchemaShape shape;
      if (one.empty()) {
        shape.is_any = true;
        shape.string.stop = source.string_stop();
      } else {
        shape = ShapeReader(source, nodes, one).read();
      }
      form.nodes.back().shapes.push_back(std::move(shape));
    }
  }
  prune(form);
  return form;
}

}  // namespace llm::grammar
