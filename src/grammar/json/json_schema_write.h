// The normal form of a schema as expressions.
#pragma once

#include <map>
#include <vector>

#include "grammar/json/json_schema_shape.h"
#include "grammar/json/json_text.h"

namespace llm::grammar {

class SchemaWriter {
 public:
  SchemaWriter(Expressions& expressions, const SchemaForm& form, Notation notation);

  /// The root. Throws GrammarError when no value is possible.
  Expr write();

 private:
  friend class ObjectWriter;

  /// A node where it is needed: written out when that is short, else as a rule.
  Expr reference(int node);
  Expr body(const SchemaNode& node);
  Expr shape(const SchemaShape& shape);
  Expr object(const ObjectShape& object);
  Expr array(const ArrayShape& array);
  Expr unique_array(const std::vector<Json>& values, const ArrayShape& array);
  const std::vector<Json>* listed_values(int node) const;
  Expr number(const SchemaShape& shape);
  bool is_short(const SchemaNode& node) const;

  Expressions& out_;
  JsonText text_;
  const SchemaForm& form_;
  std::string prefix_;  // of rule names
  std::map<int, Expr> rules_;
  std::vector<int> pending_;
  int nesting_ = 0;
};

/// Members in the order of the schema, those that are not required or not.
class ObjectWriter {
 public:
  ObjectWriter(SchemaWriter& writer, const ObjectShape& object, std::string prefix);
  Expr write();

 private:
  Expr rule(const std::string& name, Expr body);
  Expr written(const ObjectShape::Member& member);
  Expr behind_comma(Expr member);
  Expr open_key(const Dfa& keys);
  Expr open_member();
  Expr rest(std::size_t from);
  Expr members();
  Expr counted_members();
  Expr counted(std::size_t from, int count);
  Expr counted_body(std::size_t from, int count);
  Expr counted_open(int count);
  bool can_finish(std::size_t from, int count) const;

  SchemaWriter& writer_;
  JsonText& text_;
  Expressions& out_;
  const ObjectShape& object_;
  std::string prefix_;
  bool is_open_;
  std::vector<int> required_behind_;  // required members from each place on
  std::map<std::pair<std::size_t, int>, Expr> states_;
  std::vector<std::pair<std::size_t, int>> pending_;
};

}  // namespace llm::grammar
