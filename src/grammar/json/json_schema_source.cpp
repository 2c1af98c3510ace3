#include "grammar/json/json_schema_source.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kMaxDepth = 400;

/// Documents that are nested deeper are refused before anything recursive sees them.
void check_depth(const Json& root) {
  std::vector<std::pair<const Json*, std::size_t>> work = {{&root, 0}};
  while (!work.empty()) {
    const auto [place, depth] = work.back();
    work.pop_back();
    if (depth > kMaxDepth) throw GrammarError("the schema is nested too deeply");
    if (!place->is_structured()) continue;
    for (const Json& part : *place) work.emplace_back(&part, depth + 1);
  }
}

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

SchemaSource::SchemaSource(const Json& schema, const Json& root, const SchemaOptions& options)
    : schema_(schema), options_(options), references_(root) {
  check_depth(root);
  if (&schema != &root) check_depth(schema);
  places_[&schema_] = "#";
}

const std::string& SchemaSource::place(const Json* schema) const {
  static const std::string unknown = "#";
  const auto found = places_.find(schema);
  return found == places_.end() ? unknown : found->second;
}

const Json* SchemaSource::part(const Json* schema, const std::string& key, const Json& part) {
  constexpr std::size_t kMaxPlace = 300;
  std::string name = place(schema) + "/" + key;
  if (name.size() > kMaxPlace) name = "..." + name.substr(name.size() - kMaxPlace + 3);
  places_.emplace(&part, std::move(name));
  return &part;
}

const Json* SchemaSource::part(const Json* schema, const std::string& key, std::size_t index,
                               const Json& part) {
  return this->part(schema, key + "/" + std::to_string(index), part);
}

const Json* SchemaSource::part(const Json* schema, const std::string& key, const std::string& name,
                               const Json& part) {
  return this->part(schema, key + "/" + escaped(name), part);
}

const Json* SchemaSource::target(const Json* schema, const std::string& reference) {
  const Json* found = references_.find(reference);
  if (!found) {
    const bool is_remote = reference.find("://") != std::string::npos;
    fail(schema, "$ref", is_remote ? "other documents are not fetched" : "refers to nothing");
  }
  places_.emplace(found, reference);
  return found;
}

const Json* SchemaSource::made(const Json* schema, const std::string& name, const Json& made) {
  const auto [found, is_new] = made_.emplace(std::pair(schema, name), nullptr);
  if (is_new) {
    found->second = &storage_.emplace_back(made);
    places_.emplace(found->second, place(schema));
  }
  return found->second;
}

void SchemaSource::fail(const Json* schema, const std::string& keyword,
                        const std::string& what) const {
  throw GrammarError("schema " + place(schema) + ": " + keyword + ": " + what);
}

void SchemaSource::pass_over(const Json* schema, const std::string& keyword) {
  const std::string what = "schema " + place(schema) + ": " + keyword;
  if (options_.strict) throw GrammarError(what + " is not supported");
  constexpr std::size_t kMaxWarnings = 50;
  if (warned_.size() >= kMaxWarnings || !warned_.emplace(what, true).second) return;
  if (options_.warn) options_.warn(what + " is not enforced");
}

const Json* SchemaSource::everything() {
  static const Json schema = true;
  return &schema;
}

const Json* SchemaSource::nothing() {
  static const Json schema = false;
  return &schema;
}

}  // namespace llm::grammar
