// Calls whose parameters are written one by one: between tags, as elements, as keywords. They may
// come in any order, as models write them; each at most once, and every required one.
#include <algorithm>
#include <set>

#include "chat/formats/constraint_builder.h"
#include "grammar/json/json_reference.h"
#include "grammar/json/json_text.h"
#include "grammar/regex/dfa.h"

namespace llm::chat {

using grammar::Expr;
using grammar::Expressions;

namespace {

constexpr int kMaxDepth = 16;
/// More parameters than that come in the order of the schema.
constexpr std::size_t kMaxUnordered = 32;

const Json& anything() {
  static const Json schema = true;
  return schema;
}

void add(Parameters& to, const Parameters& from, bool keep_required) {
  for (const Parameter& parameter : from.list) {
    const auto known = std::find_if(to.list.begin(), to.list.end(), [&](const Parameter& other) {
      return other.name == parameter.name;
    });
    if (known == to.list.end()) {
      to.list.push_back(parameter);
      to.list.back().required = parameter.required && keep_required;
    } else if (keep_required) {
      known->required |= parameter.required;
    }
  }
  if (from.others && !to.others) to.others = from.others;
}

class ParameterReader {
 public:
  explicit ParameterReader(const Json& root) : references_(root) {}

  Parameters read(const Json& schema, int depth) {
    Parameters out;
    if (depth > kMaxDepth || ++steps_ > kMaxSteps) return out;
    if (const Json* reference = find_member(schema, "$ref"); reference && reference->is_string()) {
      if (const Json* target = references_.find(reference->get<std::string>())) {
        add(out, read(*target, depth + 1), true);
      }
    }
    read_own(schema, out);
    if (const Json* parts = find_member(schema, "allOf"); parts && parts->is_array()) {
      for (const Json& part : *parts) add(out, read(part, depth + 1), true);
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      if (const Json* parts = find_member(schema, key); parts && parts->is_array()) {
        add_branches(*parts, out, depth);
      }
    }
    return out;
  }

 private:
  static constexpr int kMaxSteps = 2000;

  static void read_own(const Json& schema, Parameters& out) {
    Parameters own;
    if (const Json* properties = find_member(schema, "properties");
        properties && properties->is_object()) {
      for (const auto& [name, part] : properties->items()) {
        if (part != false) own.list.push_back({name, &part, false});
      }
    }
    if (const Json* names = find_member(schema, "required"); names && names->is_array()) {
      for (const Json& name : *names) {
        if (name.is_string()) require(own, name.get<std::string>());
      }
    }
    const Json* others = find_member(schema, "additionalProperties");
    const bool has_list = find_member(schema, "properties") != nullptr;
    if (others && *others != false) own.others = others;
    if (!others && !has_list && own.list.empty()) own.others = &anything();
    const bool says_nothing = !others && !has_list && own.list.empty() &&
                              (schema.contains("$ref") || schema.contains("allOf") ||
                               schema.contains("anyOf") || schema.contains("oneOf"));
    if (!says_nothing) add(out, own, true);
  }

  static void require(Parameters& own, const std::string& name) {
    for (Parameter& parameter : own.list) {
      if (parameter.name != name) continue;
      parameter.required = true;
      return;
    }
    own.list.push_back({name, &anything(), true});
  }

  void add_branches(const Json& parts, Parameters& out, int depth) {
    std::set<std::string> always;
    bool first = true;
    for (const Json& part : parts) {
      const Parameters branch = read(part, depth + 1);
      add(out, branch, false);
      std::set<std::string> required;
      for (const Parameter& parameter : branch.list) {
        if (parameter.required && (first || always.count(parameter.name) > 0)) {
          required.insert(parameter.name);
        }
      }
      always = std::move(required);
      first = false;
    }
    for (Parameter& parameter : out.list) {
      parameter.required |= always.count(parameter.name) > 0;
    }
  }

  grammar::References references_;
  int steps_ = 0;
};

}  // namespace

Parameters parameters_of(const Json& schema, const Json& root) {
  if (!schema.is_object()) return {};
  return ParameterReader(root).read(schema, 0);
}

/// `written`: one for each parameter, and one for further ones if there are any.
Expr ConstraintBuilder::in_any_order(const Parameters& parameters, std::vector<Expr> written,
                                     Expr separator) {
  std::vector<Expressions::Member> members;
  for (std::size_t i = 0; i < parameters.list.size(); ++i) {
    members.push_back({written[i], parameters.list[i].required});
  }
  if (parameters.others) {
    const Expr more =
        e_.sequence({written.back(), e_.repeat(e_.sequence({separator, written.back()}), 0)});
    members.push_back({more, false});
  }
  if (members.empty()) return e_.empty();
  if (members.size() <= kMaxUnordered) return e_.unordered(std::move(members), separator);
  // In the order of the schema: the first one that is there has no separator before it.
  std::vector<Expr> choices;
  Expr rest = e_.empty();
  bool may_be_empty = true;
  for (std::size_t i = members.size(); i-- > 0;) {
    const Expr here = e_.sequence({members[i].expr, rest});
    if (members[i].required) choices.clear();
    choices.push_back(here);
    may_be_empty = may_be_empty && !members[i].required;
    const Expr behind = e_.sequence({separator, members[i].expr});
    const Expr next = e_.sequence({members[i].required ? behind : e_.optional(behind), rest});
    rest = e_.rule("parameters " + std::to_string(next.index));
    e_.define(rest, next);
  }
  if (may_be_empty) choices.push_back(e_.empty());
  return e_.choice(std::move(choices));
}

/// A name that is none of the listed parameters.
Expr ConstraintBuilder::other_name(const Parameters& parameters) {
  grammar::Dfa names = grammar::regex_dfa(grammar::parse_regex("^[A-Za-z_][A-Za-z0-9_]{0,63}$"));
  std::vector<std::string> taken;
  for (const Parameter& parameter : parameters.list) taken.push_back(parameter.name);
  if (!taken.empty()) names = intersection(names, complement(grammar::words_dfa(taken)));
  grammar::JsonText text(e_);
  return grammar::add_dfa(text, names, grammar::Spelling::plain);
}

/// A value: text as it is where the parser takes it so, else JSON.
Expr ConstraintBuilder::value_text(const OfferedFunction& function, const Json& schema,
                                   const std::string& stop) {
  return checked(function.place + ".parameters", [&] {
    const auto how = options(*function.parameters, function.strict);
    return grammar::can_be_string(schema, *function.parameters)
               ? grammar::add_plain_string(e_, schema, how, stop)
               : grammar::add_json_schema(e_, schema, how);
  });
}

/// Text that does not begin with a line break, which the parser would take for the tag's.
Expr ConstraintBuilder::unbroken_text(const OfferedFunction& function, const Json& schema) {
  const Json narrower = {
      {"allOf", Json::array({schema, {{"pattern", "^(?:[^\\n\\r][\\s\\S]*)?$"}}})}};
  return checked(function.place + ".parameters", [&] {
    return grammar::add_plain_string(e_, narrower, options(*function.parameters, function.strict),
                                     call_.value_close);
  });
}

Expr ConstraintBuilder::tagged_parameter(const OfferedFunction& function, Expr key,
                                         const Json& schema) {
  const std::string edge = call_.edges == ValueEdges::line_breaks ? "\n" : "";
  const bool is_string = grammar::can_be_string(schema, *function.parameters);
  const auto between = [&](const char* attribute, Expr value) {
    const Expr open = e_.sequence({e_.literal(call_.key_open), key, e_.literal(call_.key_close),
                                   e_.literal(call_.has_string_attribute ? attribute : ""),
                                   optional_text(call_.written_after_key),
                                   e_.literal(call_.value_open), e_.literal(edge)});
    const Expr close = e_.sequence({e_.literal(edge), e_.literal(call_.value_close),
                                    optional_text(call_.written_after_value)});
    return e_.sequence({open, value, close});
  };
  const Expr text = call_.edges == ValueEdges::paired_breaks && is_string
                        ? unbroken_text(function, schema)
                        : value_text(function, schema, call_.value_close);
  if (!call_.has_string_attribute) return between("", text);
  if (!is_string) return between(" string=\"false\">", text);
  const Expr as_string = between(" string=\"true\">", text);
  try {
    // What else than a string it may be.
    const Json other = {{"allOf", Json::array({schema, {{"not", {{"type", "string"}}}}})}};
    const auto how = options(*function.parameters, false);
    return e_.choice(
        {as_string, between(" string=\"false\">", grammar::add_json_schema(e_, other, how))});
  } catch (const grammar::GrammarError&) {
    return as_string;
  }
}

Expr ConstraintBuilder::tagged_call(const OfferedFunction& function) {
  const Parameters parameters = parameters_of(*function.parameters, *function.parameters);
  std::vector<Expr> written;
  for (const Parameter& parameter : parameters.list) {
    written.push_back(tagged_parameter(function, e_.literal(parameter.name), *parameter.schema));
  }
  if (parameters.others) {
    written.push_back(tagged_parameter(function, other_name(parameters), *parameters.others));
  }
  return e_.sequence({e_.literal(call_.call_open), e_.literal(function.name),
                      e_.literal(call_.name_close), optional_text(call_.written_after_name),
                      in_any_order(parameters, std::move(written), e_.empty()),
                      e_.literal(call_.call_close)});
}

/// MiniMax M3: containers are elements, and everything else is text.
Expr ConstraintBuilder::element_content(const OfferedFunction& function, const Json& schema,
                                        int depth) {
  const Json* type = find_member(schema, "type");
  const bool is_plain = !find_member(schema, "anyOf") && !find_member(schema, "oneOf") &&
                        !find_member(schema, "allOf") && !find_member(schema, "$ref") &&
                        !find_member(schema, "enum") && !find_member(schema, "const");
  if (type && is_plain && depth < kMaxDepth) {
    const Json* items = find_member(schema, "items");
    if (*type == "array" && items && items->is_object()) {
      const auto count = [&](const char* key, int otherwise) {
        const Json* value = find_member(schema, key);
        return value && value->is_number_unsigned() && *value < 1'000'000 ? value->get<int>()
                                                                          : otherwise;
      };
      const int minimum = count("minItems", 0);
      const int maximum = count("maxItems", Expressions::kNoMaximum);
      if (maximum != Expressions::kNoMaximum && maximum < minimum) return e_.nothing();
      return e_.repeat(element(function, "item", *items, depth + 1), minimum, maximum);
    }
    const Json* properties = find_member(schema, "properties");
    if (*type == "object" && properties && properties->is_object()) {
      const Parameters parameters = parameters_of(schema, *function.parameters);
      std::vector<Expr> written;
      for (const Parameter& parameter : parameters.list) {
        written.push_back(element(function, parameter.name, *parameter.schema, depth + 1));
      }
      Parameters listed = parameters;
      listed.others = nullptr;
      return in_any_order(listed, std::move(written), e_.empty());
    }
  }
  return value_text(function, schema, call_.tag_prefix);
}

Expr ConstraintBuilder::element(const OfferedFunction& function, const std::string& name,
                                const Json& schema, int depth) {
  return e_.sequence({e_.literal(call_.tag_prefix + "<" + name + ">"),
                      element_content(function, schema, depth),
                      e_.literal(call_.tag_prefix + "</" + name + ">")});
}

Expr ConstraintBuilder::nested_call(const OfferedFunction& function) {
  Parameters parameters = parameters_of(*function.parameters, *function.parameters);
  std::vector<Expr> written;
  for (const Parameter& parameter : parameters.list) {
    written.push_back(element(function, parameter.name, *parameter.schema, 0));
  }
  parameters.others = nullptr;  // an element cannot be closed by a name that is not known
  return e_.sequence(
      {e_.literal(call_.call_open), e_.literal(function.name), e_.literal(call_.name_close),
       in_any_order(parameters, std::move(written), e_.empty()), e_.literal(call_.call_close)});
}

/// LFM2: name(key=value, ...).
Expr ConstraintBuilder::python_call(const OfferedFunction& function) {
  const Parameters parameters = parameters_of(*function.parameters, *function.parameters);
  std::vector<Expr> written;
  auto how = options(*function.parameters, function.strict);
  how.notation = grammar::Notation::python;
  const auto keyword = [&](Expr key, const Json& schema) {
    return e_.sequence({key, e_.literal("="), checked(function.place + ".parameters", [&] {
                          return grammar::add_json_schema(e_, schema, how);
                        })});
  };
  for (const Parameter& parameter : parameters.list) {
    written.push_back(keyword(e_.literal(parameter.name), *parameter.schema));
  }
  if (parameters.others) written.push_back(keyword(other_name(parameters), *parameters.others));
  const Expr separator = e_.sequence({e_.literal(","), optional_text(" ")});
  return e_.sequence({e_.literal(function.name), e_.literal("("),
                      in_any_order(parameters, std::move(written), separator), e_.literal(")")});
}

/// Gemma 4: call:name{key:value,...}.
Expr ConstraintBuilder::gemma_call(const OfferedFunction& function) {
  const Parameters parameters = parameters_of(*function.parameters, *function.parameters);
  std::vector<Expr> written;
  auto how = options(*function.parameters, function.strict);
  how.notation = grammar::Notation::gemma;
  const auto pair = [&](Expr key, const Json& schema) {
    return e_.sequence({key, e_.literal(":"), checked(function.place + ".parameters", [&] {
                          return grammar::add_json_schema(e_, schema, how);
                        })});
  };
  for (const Parameter& parameter : parameters.list) {
    written.push_back(pair(e_.literal(parameter.name), *parameter.schema));
  }
  if (parameters.others) written.push_back(pair(other_name(parameters), *parameters.others));
  return e_.sequence({e_.literal("call:"), e_.literal(function.name), e_.literal("{"),
                      in_any_order(parameters, std::move(written), e_.literal(",")),
                      e_.literal("}")});
}

}  // namespace llm::chat
