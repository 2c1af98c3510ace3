// Schemas to their normal form.
#pragma once

#include "grammar/json/json_schema_shape.h"
#include "grammar/json/json_schema_source.h"

namespace llm::grammar {

/// Throws GrammarError for what is not a schema, or where the form would get too large.
SchemaForm read_schema(SchemaSource& source);

/// Interns sets of schemas as nodes of the form.
class NodeTable {
 public:
  static constexpr std::size_t kMaxNodes = 20'000;

  int node_of(SchemaSet set);
  const SchemaSet& set(int node) const { return sets_[static_cast<std::size_t>(node)]; }
  int size() const { return static_cast<int>(sets_.size()); }

 private:
  std::map<SchemaSet, int> known_;
  std::vector<SchemaSet> sets_;
};

/// The part of a shape that is about objects, of schemas that all hold.
class ObjectReader {
 public:
  ObjectReader(SchemaSource& source, NodeTable& nodes) : source_(source), nodes_(nodes) {}
  ObjectShape read(const SchemaSet& set);

 private:
  struct Pattern {
    std::string text;
    std::shared_ptr<const Dfa> keys;
  };

  void read_counts(const SchemaSet& set, ObjectShape& out);
  void read_members(const SchemaSet& set, ObjectShape& out);
  void read_patterns(const SchemaSet& set);
  void read_names(const SchemaSet& set);
  void read_open(const SchemaSet& set, ObjectShape& out);
  /// Keys that match exactly the patterns of `mask`, and none of the members.
  std::shared_ptr<const Dfa> keys_of(unsigned mask, const ObjectShape& out, bool& none);
  SchemaSet values_of_name(const SchemaSet& set, const std::string& name);
  SchemaSet values_of_patterns(const SchemaSet& set, unsigned mask, bool& is_open);
  bool is_closed_by_default(const SchemaSet& set) const;
  bool pattern_applies(const Json* schema, const std::string& pattern) const;

  SchemaSource& source_;
  NodeTable& nodes_;
  std::vector<Pattern> patterns_;
  std::optional<Dfa> names_;  // of propertyNames
  std::vector<std::string> listed_names_;
};

/// The language of the strings among what `set` allows. Used for keys, too.
StringShape read_string_shape(SchemaSource& source, const SchemaSet& set);
/// A count such as minItems.
int read_count(SchemaSource& source, const Json* schema, const std::string& key, const Json& value);

}  // namespace llm::grammar
