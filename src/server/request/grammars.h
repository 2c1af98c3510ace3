// Compiled constraints, kept by content, so that a schema which comes with every request is
// compiled once; and the filters made of them.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/filter.h"
#include "server/request/params.h"
#include "tokenizer/tokenizer.h"

namespace llm::server {

/// A constraint, ready to make filters of. `constraint.grammar` is null where there is none.
struct Prepared {
  grammar::Constraint constraint;
  std::vector<std::string> warnings;  // what of the request could not be kept
};

/// Safe to use from every thread.
class Grammars {
 public:
  /// `tokenizer` must outlive this.
  explicit Grammars(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  using Make = std::function<Prepared()>;
  /// What `make` returns, made once per `key` and kept while it is used often. What it throws is
  /// thrown, and nothing is kept.
  Prepared get(const std::string& key, const Make& make);

  /// Of a whole text in that shape; no grammar for Kind::none. Throws RequestError(400) naming
  /// shape.field.
  Prepared get(const Shape& shape);
  /// The same behind the thoughts of a model: `thinking` says how they are written.
  Prepared get(const Shape& shape, const grammar::ThinkingTags& thinking);

  /// Null for a constraint without a grammar.
  std::unique_ptr<TokenFilter> filter(const grammar::Constraint& constraint);

 private:
  struct Entry {
    std::mutex mutex;  // of the two next; held while it is made
    bool is_made = false;
    Prepared prepared;
    std::size_t bytes = 0;  // 0: not made yet
  };
  using Entries = std::list<std::pair<std::string, std::shared_ptr<Entry>>>;  // latest use first

  std::shared_ptr<Entry> entry(const std::string& key);
  void count(Entry& entry, std::size_t bytes);
  void drop(const std::string& key);
  void drop_oldest();
  Prepared make(const Shape& shape, const grammar::ThinkingTags& thinking) const;

  const Tokenizer& tokenizer_;
  std::mutex mutex_;  // of the entries
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_key_;
  std::once_flag vocabulary_made_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
};

}  // namespace llm::server
