#include "grammar/json_schema.h"

#include "grammar/json/json_schema_read.h"
#include "grammar/json/json_schema_write.h"

namespace llm::grammar {
namespace {

/// The strings that a schema lists, if it lists values.
struct PlainStrings {
  std::vector<std::string> texts;
  std::vector<StringLanguage> languages;
};

PlainStrings plain_strings(const SchemaForm& form) {
  PlainStrings out;
  for (const SchemaShape& shape : form.nodes.front().shapes) {
    if (shape.values) {
      for (const Json& value : *shape.values) {
        if (value.is_string()) out.texts.push_back(value.get<std::string>());
      }
    } else if (shape.is_any || shape.types & kString) {
      out.languages.push_back(shape.string);
    }
  }
  return out;
}

}  // namespace

Expr add_json_schema(Expressions& expressions, const Json& schema, const SchemaOptions& options) {
  SchemaSource source(schema, options.root ? *options.root : schema, options);
  if (options.notation == Notation::gemma) source.set_string_stop(JsonText::kGemmaQuote);
  const SchemaForm form = read_schema(source);
  return SchemaWriter(expressions, form, options.notation).write();
}

Expr add_plain_string(Expressions& expressions, const Json& schema, const SchemaOptions& options,
                      const std::string& stop) {
  SchemaSource source(schema, options.root ? *options.root : schema, options);
  source.set_string_stop(stop);
  const PlainStrings strings = plain_strings(read_schema(source));
  JsonText text(expressions);
  std::vector<Expr> choices;
  std::vector<std::string> texts;
  for (const std::string& one : strings.texts) {
    if (stop.empty() || one.find(stop) == std::string::npos) texts.push_back(one);
  }
  if (!texts.empty()) choices.push_back(text.one_of(std::move(texts)));
  for (const StringLanguage& language : strings.languages) {
    if (!language.is_empty())
      choices.push_back(add_string_language(text, language, Spelling::plain));
  }
  if (choices.empty()) source.fail(source.schema(), "type", "no string can be written");
  return choices.size() == 1 ? choices.front() : expressions.choice(std::move(choices));
}

}  // namespace llm::grammar
