// JSON Schema (draft 2020-12 and what of earlier drafts differs) to expressions: the JSON texts
// that are valid under a schema, in the layouts that models like.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "grammar/expression.h"

namespace llm::grammar {

/// How values are written. What may be written does not depend on it.
enum class Notation {
  json,
  python,  // JSON, and True, False, None
  gemma    // strings between <|"|> verbatim, keys without quotes, no white space
};

struct SchemaOptions {
  /// What cannot be expressed is an error that names the keyword; else it is passed over where it
  /// only narrows, and reported to `warn`.
  bool strict = false;
  std::function<void(const std::string&)> warn;
  /// Where `#/...` references are looked up; the schema itself when null.
  const Json* root = nullptr;
  Notation notation = Notation::json;
};

/// The JSON texts of `schema`. Throws GrammarError naming the keyword and where it stands.
Expr add_json_schema(Expressions& expressions, const Json& schema, const SchemaOptions& options);
/// Any JSON value; any JSON object.
Expr add_json_value(Expressions& expressions);
Expr add_json_object(Expressions& expressions);

/// Whether a value of `schema` may be a string (chat formats write those verbatim).
bool can_be_string(const Json& schema, const Json& root);
/// The strings of `schema` as plain text without quotes and escapes, e.g. between two tags: enum,
/// const, pattern, format and lengths hold. `stop` may not occur in the text.
Expr add_plain_string(Expressions& expressions, const Json& schema, const SchemaOptions& options,
                      const std::string& stop);

}  // namespace llm::grammar
