// Calls whose arguments are a JSON object, and how calls follow each other.
#include <algorithm>

#include "chat/formats/constraint_builder.h"
#include "grammar/json/json_text.h"

namespace llm::chat {

using grammar::Expr;
using grammar::Expressions;

namespace {

const Json& any_object() {
  static const Json schema = {{"type", "object"}};
  return schema;
}

std::string as_json(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::vector<OfferedFunction> offered_functions(const ReplySettings& settings) {
  std::vector<OfferedFunction> out;
  if (!settings.tools.is_array()) return out;
  for (std::size_t i = 0; i < settings.tools.size(); ++i) {
    const Json& tool = settings.tools[i];
    const auto function = tool.find("function");
    if (function == tool.end() || !function->is_object()) continue;
    const auto name = function->find("name");
    if (name == function->end() || !name->is_string()) continue;
    OfferedFunction one;
    one.name = name->get<std::string>();
    one.place = "tools[" + std::to_string(i) + "].function";
    const auto parameters = function->find("parameters");
    const bool has_parameters =
        parameters != function->end() &&
        (parameters->is_object() ? !parameters->empty() : !parameters->is_null());
    one.parameters = has_parameters ? &*parameters : &any_object();
    const auto strict = function->find("strict");
    one.strict = strict != function->end() && *strict == true;
    const bool is_known = std::any_of(out.begin(), out.end(), [&](const OfferedFunction& other) {
      return other.name == one.name;
    });
    if (is_known || (!settings.named_tool.empty() && settings.named_tool != one.name)) continue;
    out.push_back(std::move(one));
  }
  if (out.empty() && !settings.named_tool.empty()) {
    bad_field("tool_choice", "tool_choice: no function '" + settings.named_tool + "' is offered");
  }
  return out;
}

ConstraintBuilder::ConstraintBuilder(ReplyConstraint& out, const CallLayout& call,
                                     const ReplySettings& settings)
    : out_(out),
      e_(out.expressions),
      call_(call),
      settings_(settings),
      functions_(offered_functions(settings)) {}

grammar::SchemaOptions ConstraintBuilder::options(const Json& root, bool strict) {
  grammar::SchemaOptions out;
  out.strict = strict;
  out.root = &root;
  out.warn = [this](const std::string& text) { out_.warnings.push_back(text); };
  return out;
}

Expr ConstraintBuilder::gap() {
  constexpr int kMaxSpace = 3;
  return e_.repeat(e_.chars({{'\n', '\n'}, {' ', ' '}}), 0, kMaxSpace);
}

Expr ConstraintBuilder::optional_text(const std::string& text) {
  return text.empty() ? e_.empty() : e_.optional(e_.literal(text));
}

Expr ConstraintBuilder::content(const Json& schema) {
  return checked("response_format", [&] {
    return grammar::add_json_schema(e_, schema, options(schema, settings_.strict_schema));
  });
}

Expr ConstraintBuilder::arguments(const OfferedFunction& function) {
  return checked(function.place + ".parameters", [&] {
    const Json& schema = *function.parameters;
    if (schema.is_object() && schema.contains("type") && schema["type"] == "object") {
      return grammar::add_json_schema(e_, schema, options(schema, function.strict));
    }
    // Arguments are an object whatever the schema says.
    const Json both = {{"allOf", Json::array({schema, any_object()})}};
    return grammar::add_json_schema(e_, both, options(schema, function.strict));
  });
}

Expr ConstraintBuilder::any_function(Expr (ConstraintBuilder::*write)(const OfferedFunction&)) {
  std::vector<Expr> choices;
  for (const OfferedFunction& function : functions_) choices.push_back((this->*write)(function));
  return e_.choice(std::move(choices));
}

/// One call, or more where the request allows it.
Expr ConstraintBuilder::rows(Expr first, Expr next, Expr separator) {
  if (!settings_.parallel_calls) return first;
  return e_.sequence({first, e_.repeat(e_.sequence({separator, next}), 0)});
}

Expr ConstraintBuilder::id() {
  const Expr letter = e_.chars({{'0', '9'}, {'A', 'Z'}, {'a', 'z'}});
  constexpr int kMaxId = 40;
  return call_.id_length > 0 ? e_.repeat(letter, call_.id_length, call_.id_length)
                             : e_.repeat(letter, 1, kMaxId);
}

/// {"name": "get_weather", "arguments": {...}}, or the name as the key.
Expr ConstraintBuilder::json_object(const OfferedFunction& function) {
  grammar::JsonText text(e_);
  const Expr value = arguments(function);
  std::vector<Expr> parts = {text.open("{")};
  const auto member = [&](const std::string& name, Expr what) {
    if (parts.size() > 1) parts.push_back(text.comma());
    parts.insert(parts.end(), {e_.literal(as_json(name)), text.colon(), what});
  };
  if (call_.name_is_key) {
    member(function.name, value);
  } else {
    const bool has_id = call_.id_place == IdPlace::member && !call_.id_members.empty();
    const auto add_id = [&] {
      member(call_.id_members.front(), e_.sequence({e_.literal("\""), id(), e_.literal("\"")}));
    };
    if (call_.is_markerless()) {
      parts.push_back(e_.optional(e_.sequence(
          {e_.literal("\"type\""), text.colon(), e_.literal("\"function\""), text.comma()})));
    }
    if (has_id && !call_.id_is_last) add_id();
    if (parts.size() == 2 && call_.is_markerless()) {
      parts.insert(parts.end(), {e_.literal(as_json(call_.name_members.front())), text.colon(),
                                 e_.literal(as_json(function.name))});
    } else {
      member(call_.name_members.front(), e_.literal(as_json(function.name)));
    }
    member(call_.argument_members.front(), value);
    if (has_id && call_.id_is_last) add_id();
  }
  parts.push_back(text.close("}"));
  return e_.sequence(std::move(parts));
}

/// What is inside of a section of JSON calls.
Expr ConstraintBuilder::json_calls() {
  grammar::JsonText text(e_);
  const Expr object = any_function(&ConstraintBuilder::json_object);
  if (!call_.in_array) return object;
  const bool is_open = !call_.section_open.empty() && call_.section_open.front().back() == '[';
  const int most = settings_.parallel_calls ? Expressions::kNoMaximum : 1;
  const int more = most == 1 ? 0 : Expressions::kNoMaximum;
  Expr list =
      is_open
          ? e_.sequence({text.space(), object,
                         e_.repeat(e_.sequence({text.comma(), object}), 0, more), text.close("]")})
          : text.list(object, 1, most);
  if (call_.in_fence) {
    list = e_.sequence({gap(), e_.literal("```json\n"), list, e_.literal("\n```")});
  }
  return list;
}

/// get_weather[ARGS]{...} and its relatives, behind the opener of the call.
Expr ConstraintBuilder::named_call(const OfferedFunction& function) {
  std::vector<Expr> parts = {e_.literal(call_.call_open)};
  if (call_.has_type_word && call_.in_fence) {
    parts.insert(parts.end(),
                 {e_.literal("function"), e_.literal(call_.name_close), e_.literal(function.name),
                  e_.literal("\n```json\n"), arguments(function), e_.literal("\n```")});
  } else {
    switch (call_.id_place) {
      case IdPlace::before_name:
        parts.insert(parts.end(), {id(), e_.literal(call_.name_open), e_.literal(function.name)});
        break;
      case IdPlace::behind_name:
        parts.insert(parts.end(), {e_.literal(function.name), e_.literal(call_.id_open), id()});
        break;
      case IdPlace::with_name:
        parts.insert(parts.end(), {e_.literal("functions." + function.name + ":"),
                                   e_.repeat(e_.chars({{'0', '9'}}), 1, 4)});
        break;
      default:
        parts.push_back(e_.literal(function.name));
    }
    parts.insert(parts.end(), {e_.literal(call_.name_close), arguments(function)});
  }
  parts.push_back(e_.literal(call_.call_close));
  return e_.sequence(std::move(parts));
}

/// Functionary 3.2: the name on a line, its arguments behind it.
Expr ConstraintBuilder::recipients(bool lazy) {
  std::vector<Expr> choices;
  for (const OfferedFunction& function : functions_) {
    choices.push_back(
        e_.sequence({e_.literal(function.name), e_.literal("\n"), arguments(function)}));
  }
  const Expr call = e_.choice(std::move(choices));
  const Expr mark = e_.literal(">>>");
  const bool is_begun = settings_.generation_prompt.ends_with(">>>");
  const Expr first = lazy       ? e_.sequence({e_.optional(mark), call})
                     : is_begun ? call
                                : e_.sequence({mark, call});
  return rows(first, e_.sequence({mark, call}), e_.empty());
}

/// gpt-oss: one message to a function, from its header on.
Expr ConstraintBuilder::harmony() {
  const Expr channel = e_.sequence(
      {e_.literal("<|channel|>"), e_.choice({e_.literal("commentary"), e_.literal("analysis")})});
  const Expr space = e_.repeat(e_.literal(" "), 1, 3);
  const Expr kind = e_.optional(e_.choice(
      {e_.literal(" json"), e_.sequence({optional_text(" "), e_.literal("<|constrain|>json")})}));
  std::vector<Expr> choices;
  for (const OfferedFunction& function : functions_) {
    const Expr recipient = e_.sequence({space, e_.literal("to=functions." + function.name)});
    choices.push_back(e_.sequence(
        {e_.choice({e_.sequence({channel, recipient}), e_.sequence({recipient, channel})}), kind,
         e_.literal("<|message|>"), arguments(function)}));
  }
  return e_.choice(std::move(choices));
}

Expr ConstraintBuilder::section(Expr inside) {
  if (call_.section_open.empty()) return inside;
  // In a list the white space is inside of the brackets.
  const bool is_list = call_.in_array && call_.syntax == CallSyntax::json;
  return e_.sequence({e_.literal(call_.section_open.front()),
                      is_list ? e_.empty() : optional_text(call_.written_after_open), inside,
                      is_list ? e_.empty() : optional_text(call_.written_before_close),
                      e_.literal(call_.section_close)});
}

Expr ConstraintBuilder::calls(bool lazy) {
  Expr one = e_.empty();
  switch (call_.syntax) {
    case CallSyntax::harmony:
      return harmony();
    case CallSyntax::recipients:
      return recipients(lazy);
    case CallSyntax::json:
      one = json_calls();
      break;
    case CallSyntax::named_json:
      one = any_function(&ConstraintBuilder::named_call);
      break;
    case CallSyntax::tagged:
      one = any_function(&ConstraintBuilder::tagged_call);
      break;
    case CallSyntax::nested:
      one = any_function(&ConstraintBuilder::nested_call);
      break;
    case CallSyntax::python:
      one = any_function(&ConstraintBuilder::python_call);
      break;
    case CallSyntax::gemma:
      one = any_function(&ConstraintBuilder::gemma_call);
      break;
  }
  if (call_.repeats_section) {
    const Expr full = section(one);
    const Expr bare =
        e_.sequence({one, e_.optional(e_.sequence({optional_text(call_.written_before_close),
                                                   e_.literal(call_.section_close)}))});
    const bool may_be_bare = lazy && !call_.call_open.empty();
    return rows(may_be_bare ? e_.choice({full, bare}) : full, full,
                optional_text(call_.written_between_sections));
  }
  if (call_.syntax == CallSyntax::json && call_.in_array) return section(one);
  if (call_.syntax == CallSyntax::python) {
    const Expr list = rows(one, one, e_.sequence({e_.literal(","), optional_text(" ")}));
    return section(e_.sequence({e_.literal("["), list, e_.literal("]")}));
  }
  // Objects in a row can only be told apart by what stands between them.
  const bool is_single = call_.syntax == CallSyntax::json && call_.separator.empty();
  const Expr list = is_single ? one : rows(one, one, optional_text(call_.separator));
  const Expr full = section(list);
  const bool may_be_bare = lazy && !call_.call_open.empty() && !call_.section_open.empty();
  if (!may_be_bare) return full;
  return e_.choice({full, e_.sequence({list, optional_text(call_.section_close)})});
}

}  // namespace llm::chat
