#include "server/request/grammars.h"

#include <fmt/format.h>

#include "base/error.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/regex.h"
#include "server/reply/pieces.h"

namespace llm::server {
namespace {

constexpr std::size_t kMaxEntries = 256;
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

using grammar::Expr;
using grammar::Expressions;
using Kind = Shape::Kind;

Expr add_choices(Expressions& expressions, const std::vector<std::string>& choices) {
  std::vector<Expr> parts;
  for (const std::string& text : choices) parts.push_back(expressions.literal(text));
  return expressions.choice(std::move(parts));
}

/// The whole text is the match, as in vLLM; an unanchored pattern would be looked for anywhere.
std::string anchored(const std::string& pattern) {
  const bool is_anchored = pattern.starts_with('^') && pattern.ends_with('$');
  return is_anchored ? pattern : "^(?:" + pattern + ")$";
}

Expr add_shape(Expressions& expressions, const Shape& shape, const Tokenizer& tokenizer,
               std::vector<std::string>& warnings) {
  switch (shape.kind) {
    case Kind::gbnf:
      return grammar::add_gbnf(
          expressions, shape.text, [&](const std::string& text) -> std::optional<TokenId> {
            const auto tokens = tokenizer.encode(text, {.parse_special = true});
            if (tokens.size() != 1) return std::nullopt;
            return tokens.front();
          });
    case Kind::schema: {
      grammar::SchemaOptions options{.strict = shape.strict};
      options.warn = [&](const std::string& text) { warnings.push_back(text); };
      return grammar::add_json_schema(expressions, shape.schema, options);
    }
    case Kind::regex:
      return grammar::add_regex(expressions, anchored(shape.text), grammar::RegexUse::plain);
    case Kind::choice:
      return add_choices(expressions, shape.choices);
    case Kind::none:
      break;
  }
  return expressions.text_without({});
}

/// Thoughts up to one of their ends, blanks, then `body`; where the prompt has not opened them they
/// may be left out.
Expr behind_thoughts(Expressions& expressions, const grammar::ThinkingTags& thinking, Expr body) {
  if (thinking.ends.empty()) return body;
  const Expr blanks =
      expressions.repeat(expressions.chars({{' ', ' '}, {'\n', '\n'}, {'\r', '\r'}}), 0, 4);
  std::vector<Expr> parts = {expressions.text_without(thinking.ends),
                             add_choices(expressions, thinking.ends), blanks, body};
  if (thinking.is_open) return expressions.sequence(std::move(parts));
  if (thinking.start.empty()) return body;
  parts.insert(parts.begin(), expressions.literal(thinking.start));
  return expressions.choice({body, expressions.sequence(std::move(parts))});
}

[[noreturn]] void refuse(const Shape& shape, const grammar::GrammarError& error) {
  switch (shape.kind) {
    case Kind::gbnf:
      bad_field(shape.field, fmt::format("Failed to initialize samplers: failed to parse grammar: "
                                         "field '{}': {}",
                                         shape.field, error.what()));
    case Kind::schema:
      bad_field(shape.field, fmt::format("Field '{}': JSON schema conversion failed:\n{}",
                                         shape.field, error.what()));
    default:
      bad_field(shape.field, fmt::format("Field '{}': {}", shape.field, error.what()));
  }
}

std::string key_of(const Shape& shape, const grammar::ThinkingTags& thinking) {
  const Json key = {static_cast<int>(shape.kind),
                    shape.text,
                    shape.schema,
                    shape.choices,
                    shape.strict,
                    thinking.is_open,
                    thinking.start,
                    thinking.ends};
  return dump(key);
}

}  // namespace

std::shared_ptr<Grammars::Entry> Grammars::entry(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }
  entries_.emplace_front(key, std::make_shared<Entry>());
  by_key_[key] = entries_.begin();
  drop_oldest();
  return entries_.front().second;
}

/// Requests that run hold their grammar themselves.
void Grammars::drop_oldest() {
  std::size_t bytes = 0;
  for (const auto& [key, entry] : entries_) bytes += entry->bytes;
  while (entries_.size() > 1 && (entries_.size() > kMaxEntries || bytes > kMaxBytes)) {
    bytes -= entries_.back().second->bytes;
    by_key_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

void Grammars::count(Entry& entry, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  entry.bytes = bytes;
  drop_oldest();
}

void Grammars::drop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->second->bytes > 0) return;
  entries_.erase(found->second);
  by_key_.erase(found);
}

Prepared Grammars::get(const std::string& key, const Make& make) {
  const auto kept = entry(key);
  const std::lock_guard lock(kept->mutex);  // others with the same key wait and share
  if (kept->is_made) return kept->prepared;
  try {
    kept->prepared = make();
  } catch (...) {
    drop(key);
    throw;
  }
  kept->is_made = true;
  const auto& grammar = kept->prepared.constraint.grammar;
  count(*kept, 2 * key.size() + (grammar ? grammar->memory() : 0) + 1);
  return kept->prepared;
}

Prepared Grammars::get(const Shape& shape) {
  return get(shape, {});
}

Prepared Grammars::get(const Shape& shape, const grammar::ThinkingTags& thinking) {
  if (shape.kind == Kind::none) return {};
  return get(key_of(shape, thinking), [&] { return make(shape, thinking); });
}

Prepared Grammars::make(const Shape& shape, const grammar::ThinkingTags& thinking) const {
  try {
    Prepared prepared;
    Expressions expressions;
    const Expr body = add_shape(expressions, shape, tokenizer_, prepared.warnings);
    prepared.constraint.grammar =
        grammar::compile(expressions, behind_thoughts(expressions, thinking, body));
    return prepared;
  } catch (const grammar::GrammarError& error) {
    refuse(shape, error);
  }
}

std::unique_ptr<TokenFilter> Grammars::filter(const grammar::Constraint& constraint) {
  if (!constraint.grammar) return nullptr;
  std::call_once(vocabulary_made_, [this] { vocabulary_ = grammar::make_vocabulary(tokenizer_); });
  return grammar::make_filter(constraint, vocabulary_);
}

}  // namespace llm::server
