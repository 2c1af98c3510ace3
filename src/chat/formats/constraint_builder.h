// Builds the expressions of a constrained reply from its layout: what models are told to write,
// strictly; what parsers forgive beyond that is not allowed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "chat/format.h"
#include "chat/formats/layout.h"
#include "grammar/json_schema.h"

namespace llm::chat {

/// A function that may be called, and where it stands in the request.
struct OfferedFunction {
  std::string name;
  const Json* parameters;  // never null
  std::string place;       // "tools[0].function"
  bool strict = false;
};

/// Those of `settings` that may be called. Throws RequestError when a named one is not there.
std::vector<OfferedFunction> offered_functions(const ReplySettings& settings);

/// A parameter as it is written between tags or as a keyword.
struct Parameter {
  std::string name;
  const Json* schema;
  bool required = false;
};

struct Parameters {
  std::vector<Parameter> list;
  const Json* others = nullptr;  // schema of further ones; null: there are none
};

/// Follows references and allOf; of anyOf the parameters of all branches, those required by each.
Parameters parameters_of(const Json& schema, const Json& root);

class ConstraintBuilder {
 public:
  using Expr = grammar::Expr;

  ConstraintBuilder(ReplyConstraint& out, const CallLayout& call, const ReplySettings& settings);

  /// All calls of a turn, from the first opener on. `lazy`: as triggers leave them, which may be
  /// the opener of a call without its section.
  Expr calls(bool lazy);
  /// The JSON text that a schema asks for.
  Expr content(const Json& schema);
  /// White space that may stand between parts of a reply.
  Expr gap();
  Expr optional_text(const std::string& text);

 private:
  // constraint_calls.cpp
  Expr rows(Expr first, Expr next, Expr separator);
  Expr section(Expr inside);
  Expr json_object(const OfferedFunction& function);
  Expr json_calls();
  Expr named_call(const OfferedFunction& function);
  Expr id();
  Expr recipients(bool lazy);
  Expr harmony();
  Expr any_function(Expr (ConstraintBuilder::*write)(const OfferedFunction&));
  Expr arguments(const OfferedFunction& function);

  // constraint_parameters.cpp
  Expr tagged_call(const OfferedFunction& function);
  Expr tagged_parameter(const OfferedFunction& function, Expr key, const Json& schema);
  Expr value_text(const OfferedFunction& function, const Json& schema, const std::string& stop);
  Expr unbroken_text(const OfferedFunction& function, const Json& schema);
  Expr nested_call(const OfferedFunction& function);
  Expr element(const OfferedFunction& function, const std::string& name, const Json& schema,
               int depth);
  Expr element_content(const OfferedFunction& function, const Json& schema, int depth);
  Expr python_call(const OfferedFunction& function);
  Expr gemma_call(const OfferedFunction& function);
  Expr in_any_order(const Parameters& parameters, std::vector<Expr> written, Expr separator);
  Expr other_name(const Parameters& parameters);

  /// Turns a grammar's error into one of the request.
  template <class Make>
  Expr checked(const std::string& field, Make make);
  grammar::SchemaOptions options(const Json& root, bool strict);

  ReplyConstraint& out_;
  grammar::Expressions& e_;
  const CallLayout& call_;
  const ReplySettings& settings_;
  std::vector<OfferedFunction> functions_;
};

template <class Make>
grammar::Expr ConstraintBuilder::checked(const std::string& field, Make make) {
  try {
    return make();
  } catch (const grammar::GrammarError& error) {
    bad_field(field, field + ": " + error.what());
  }
}

}  // namespace llm::chat
