// The schemas of one document as the reader sees them: where each stands, what it refers to, and
// what happens to keywords that cannot be expressed.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "grammar/json/json_reference.h"
#include "grammar/json_schema.h"

namespace llm::grammar {

/// Keywords that the reader makes for itself.
inline constexpr char kForbid[] =
    "\x01"
    "forbid";  // names that may not occur
inline constexpr char kRefuse[] =
    "\x01"
    "refuse";  // values that may not be
inline constexpr char kMembers[] =
    "\x01"
    "properties";  // does not close the object
inline constexpr char kNotTypes[] =
    "\x01"
    "types";  // types that may not be

class SchemaSource {
 public:
  SchemaSource(const Json& schema, const Json& root, const SchemaOptions& options);

  const Json* schema() const { return &schema_; }
  References& references() { return references_; }

  /// "#/properties/a" of a schema that was met before.
  const std::string& place(const Json* schema) const;
  /// `part` of `schema`, remembered with its place.
  const Json* part(const Json* schema, const std::string& key, const Json& part);
  const Json* part(const Json* schema, const std::string& key, const std::string& name,
                   const Json& part);
  const Json* part(const Json* schema, const std::string& key, std::size_t index, const Json& part);
  /// Throws GrammarError where there is nothing.
  const Json* target(const Json* schema, const std::string& reference);
  /// A schema that is not in the document; the same one for the same `name` of `schema`.
  const Json* made(const Json* schema, const std::string& name, const Json& made);

  [[noreturn]] void fail(const Json* schema, const std::string& keyword,
                         const std::string& what) const;
  /// Throws when strict, else warns once.
  void pass_over(const Json* schema, const std::string& keyword);

  /// What may not occur in strings of the root, which are to be written without quotes.
  const std::string& string_stop() const { return string_stop_; }
  void set_string_stop(std::string stop) { string_stop_ = std::move(stop); }

  static const Json* everything();
  static const Json* nothing();

 private:
  const Json& schema_;
  SchemaOptions options_;
  std::string string_stop_;
  References references_;
  std::map<const Json*, std::string> places_;
  std::map<std::pair<const Json*, std::string>, const Json*> made_;
  std::deque<Json> storage_;
  std::map<std::string, bool> warned_;
};

/// All of these hold.
using SchemaSet = std::vector<const Json*>;

/// The alternatives of `set`: references and allOf are followed, one branch of each anyOf, oneOf
/// or condition is chosen in every combination that can hold. None when nothing is valid.
std::vector<SchemaSet> alternatives(SchemaSource& source, const SchemaSet& set);

}  // namespace llm::grammar
