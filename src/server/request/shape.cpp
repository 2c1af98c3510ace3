#include "server/request/shape.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

using Kind = Shape::Kind;

Shape gbnf_shape(const std::string& field, const Json& value) {
  return {.kind = Kind::gbnf, .field = field, .text = read_string(field, value)};
}

Shape regex_shape(const std::string& field, const Json& value) {
  return {.kind = Kind::regex, .field = field, .text = read_string(field, value)};
}

Shape choice_shape(const std::string& field, const Json& value) {
  Shape shape{.kind = Kind::choice, .field = field, .choices = read_strings(field, value)};
  if (shape.choices.empty()) {
    bad_field(field, fmt::format("Field '{}': the list of choices is empty", field));
  }
  return shape;
}

Shape schema_shape(const std::string& field, const Json& value) {
  // `true` allows everything, as {} does; `false` nothing, which no reply can be.
  if (!value.is_object() && value != Json(true)) wrong_type(field, "object", value);
  return {
      .kind = Kind::schema, .field = field, .schema = value.is_object() ? value : Json::object()};
}

/// vLLM also takes a schema as text.
Shape schema_or_text_shape(const std::string& field, const Json& value) {
  if (!value.is_string()) return schema_shape(field, value);
  Json schema = Json::parse(value.get_ref<const std::string&>(), nullptr, false);
  if (schema.is_discarded()) bad_field(field, fmt::format("Field '{}': not JSON", field));
  return schema_shape(field, schema);
}

using Make = Shape (*)(const std::string& field, const Json& value);
struct Source {
  std::string_view name;
  Make make;
  std::string_view schema;  // text of its JSON Schema
};

constexpr std::string_view kTextSchema = R"({"type":"string"})";
constexpr std::string_view kTextsSchema =
    R"({"type":"array","items":{"type":"string"},"minItems":1})";
constexpr std::string_view kSchemaSchema = R"({"type":["object","boolean"]})";
constexpr std::string_view kSchemaOrTextSchema = R"({"type":["object","boolean","string"]})";

/// Fields of their own, besides `grammar`, which may also be empty.
constexpr Source kOwn[] = {
    {"json_schema", schema_shape, kSchemaSchema},
    {"regex", regex_shape, kTextSchema},
    {"choice", choice_shape, kTextsSchema},
};

/// Members of `structured_outputs`; with "guided_" in front also fields of their own.
constexpr Source kStructured[] = {
    {"json", schema_or_text_shape, kSchemaOrTextSchema},
    {"regex", regex_shape, kTextSchema},
    {"choice", choice_shape, kTextsSchema},
    {"grammar", gbnf_shape, kTextSchema},
};

/// What `response_format.type` may be besides text and json_schema, and the member that has it.
constexpr Source kFormats[] = {
    {"regex", regex_shape, kTextSchema},
    {"choice", choice_shape, kTextsSchema},
    {"grammar", gbnf_shape, kTextSchema},
};

Shape json_schema_format(const Json& format) {
  const Json* wrapper = find(format, "json_schema");
  if (wrapper == nullptr || !wrapper->is_object()) {
    wrong_type("response_format.json_schema", "object", wrapper == nullptr ? Json() : *wrapper);
  }
  const Json* schema = find(*wrapper, "schema");
  Shape shape = schema_shape("response_format.json_schema.schema",
                             schema == nullptr ? Json::object() : *schema);
  const Json* strict = find(*wrapper, "strict");
  shape.strict = strict != nullptr && read_bool("response_format.json_schema.strict", *strict);
  return shape;
}

std::optional<Shape> read_response_format(const Json& format) {
  if (!format.is_object()) wrong_type("response_format", "object", format);
  const Json* type = find(format, "type");
  const std::string name = type == nullptr ? "" : read_string("response_format.type", *type);
  if (name == "text") return std::nullopt;
  if (name == "json_schema") return json_schema_format(format);
  if (name == "json_object") {
    const Json* schema = find(format, "schema");
    if (schema == nullptr || *schema == Json::object()) {
      return json_object_shape("response_format");
    }
    return schema_shape("response_format.schema", *schema);
  }
  for (const Source& source : kFormats) {
    if (name != source.name) continue;
    const std::string field = "response_format." + name;
    const Json* value = find(format, name);
    if (value == nullptr) bad_field(field, fmt::format("Field '{}' is missing", field));
    return source.make(field, *value);
  }
  bad_field(
      "response_format",
      fmt::format("response_format type must be one of \"text\" or \"json_object\", but got: {}",
                  name));
}

/// Collects what the body says; a second constraint is an error.
class Finder {
 public:
  void add(Shape shape) {
    if (found_) {
      bad_field(shape.field, fmt::format("Cannot use both {} and {}", found_->field, shape.field));
    }
    found_ = std::move(shape);
  }
  void add(const std::string& field, const Json* value, Make make) {
    if (value != nullptr) add(make(field, *value));
  }
  std::optional<Shape> take() { return std::move(found_); }

 private:
  std::optional<Shape> found_;
};

void read_structured_outputs(const Json& outputs, Finder& finder) {
  if (!outputs.is_object()) wrong_type("structured_outputs", "object", outputs);
  for (const Source& source : kStructured) {
    finder.add("structured_outputs." + std::string(source.name), find(outputs, source.name),
               source.make);
  }
  const Json* object = find(outputs, "json_object");
  if (object != nullptr && read_bool("structured_outputs.json_object", *object)) {
    finder.add(json_object_shape("structured_outputs.json_object"));
  }
  if (find(outputs, "structural_tag") != nullptr) {
    bad_field("structured_outputs.structural_tag",
              "Field 'structured_outputs.structural_tag' is not supported");
  }
}

}  // namespace

Shape read_shape(const Json& body, const Shape& otherwise) {
  const Json* grammar = find(body, "grammar");
  const bool has_grammar = grammar != nullptr && !read_string("grammar", *grammar).empty();
  Finder finder;
  if (has_grammar) {
    finder.add(gbnf_shape("grammar", *grammar));  // beats json_schema, as in the reference
  }
  for (const Source& source : kOwn) {
    if (has_grammar && source.name == "json_schema") continue;
    finder.add(std::string(source.name), find(body, source.name), source.make);
  }
  for (const Source& source : kStructured) {
    const std::string name = "guided_" + std::string(source.name);
    finder.add(name, find(body, name), source.make);
  }
  if (const Json* outputs = find(body, "structured_outputs")) {
    read_structured_outputs(*outputs, finder);
  }
  bool is_text = false;
  if (const Json* format = find(body, "response_format")) {
    auto shape = read_response_format(*format);
    is_text = !shape;
    if (shape) finder.add(std::move(*shape));
  }
  if (auto found = finder.take()) return std::move(*found);
  return grammar != nullptr || is_text ? Shape{} : otherwise;
}

void add_shape_schemas(Json& properties) {
  const auto schema = [](const Source& source, const char* about) {
    Json out = Json::parse(source.schema);
    if (about != nullptr) out["description"] = about;
    return out;
  };
  properties["grammar"] = {{"type", "string"}, {"description", "GBNF of the text; empty: none"}};
  for (const Source& source : kOwn) {
    properties[std::string(source.name)] = schema(source, "shape of the text");
  }
  Json outputs = {{"json_object", {{"type", "boolean"}}}};
  for (const Source& source : kStructured) {
    properties["guided_" + std::string(source.name)] = schema(source, "shape of the text, as vLLM");
    outputs[std::string(source.name)] = schema(source, nullptr);
  }
  properties["structured_outputs"] = {{"type", "object"},
                                      {"description", "shape of the text, as vLLM"},
                                      {"properties", std::move(outputs)}};
  Json types = {"text", "json_object", "json_schema"};
  Json members = {
      {"schema", {{"type", {"object", "boolean"}}}},
      {"json_schema",
       {{"type", "object"},
        {"properties",
         {{"schema", {{"type", {"object", "boolean"}}}}, {"strict", {{"type", "boolean"}}}}}}}};
  for (const Source& source : kFormats) {
    types.push_back(source.name);
    members[std::string(source.name)] = schema(source, nullptr);
  }
  members["type"] = {{"enum", std::move(types)}};
  properties["response_format"] = {{"type", "object"},
                                   {"description", "shape of the text"},
                                   {"required", {"type"}},
                                   {"properties", std::move(members)}};
}

Shape json_object_shape(std::string field) {
  return {.kind = Kind::schema, .field = std::move(field), .schema = {{"type", "object"}}};
}

std::vector<grammar::Trigger> triggers_of(const Json& value) {
  using TriggerKind = grammar::Trigger::Kind;
  if (!value.is_array()) wrong_type("grammar_triggers", "array", value);
  std::vector<grammar::Trigger> triggers;
  for (const Json& item : value) {
    if (!item.is_object()) wrong_type("grammar_triggers", "object", item);
    const Json* type = find(item, "type");
    const Json* text = find(item, "value");
    if (type == nullptr || !type->is_number_integer() || text == nullptr) {
      bad_field("grammar_triggers",
                "Field 'grammar_triggers': a trigger needs the members 'type' and 'value'");
    }
    grammar::Trigger trigger{.text = read_string("grammar_triggers.value", *text)};
    switch (type->get<std::int64_t>()) {
      case 0: {
        const Json* token = find(item, "token");
        if (token == nullptr || !token->is_number_integer()) {
          bad_field("grammar_triggers", "Field 'grammar_triggers': 'token' must be a token id");
        }
        trigger.kind = TriggerKind::token;
        trigger.token = static_cast<TokenId>(token->get<std::int64_t>());
        break;
      }
      case 1:
        trigger.kind = TriggerKind::word;
        break;
      case 3:
        if (!trigger.text.starts_with('^')) trigger.text = "^" + trigger.text;
        if (!trigger.text.ends_with('$')) trigger.text += "$";
        [[fallthrough]];
      case 2:
        trigger.kind = TriggerKind::pattern;
        break;
      default:
        bad_field("grammar_triggers",
                  fmt::format("Field 'grammar_triggers': unknown type {}", type->dump()));
    }
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

Json triggers_json(const CompletionParams& params) {
  using TriggerKind = grammar::Trigger::Kind;
  Json list = Json::array();
  for (const grammar::Trigger& trigger : params.grammar_triggers) {
    const int type = trigger.kind == TriggerKind::token  ? 0
                     : trigger.kind == TriggerKind::word ? 1
                                                         : 2;
    Json entry = {{"type", type}, {"value", trigger.text}};
    if (type == 0) entry["token"] = trigger.token;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace llm::server
