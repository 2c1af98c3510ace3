// Grammars as token filters: which tokens of a vocabulary may come next.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/token_filter.h"
#include "grammar/grammar.h"
#include "tokenizer/tokenizer.h"

namespace llm::grammar {

/// The texts of all tokens as a trie in depth-first order. Made once per model, shared. A tokenizer
/// that it is made from must outlive it.
class Vocabulary;
std::shared_ptr<const Vocabulary> make_vocabulary(const Tokenizer& tokenizer);
/// Without a tokenizer: the bytes of token i, and which tokens end a generation.
std::shared_ptr<const Vocabulary> make_vocabulary(std::span<const std::string> pieces,
                                                  std::span<const TokenId> end_of_generation);

/// What lets a lazy grammar begin. The grammar reads from the trigger's first character on (of a
/// pattern: from its first non-empty group).
struct Trigger {
  enum class Kind { word, pattern, token } kind = Kind::word;
  std::string text;  // word or regular expression
  TokenId token = kNoToken;
};

/// The thinking of a model, by the texts of its tags.
struct ThinkingTags {
  std::string start;
  std::vector<std::string> ends;
  bool is_open = false;  // the prompt opened it
};

/// How a grammar governs a generation.
struct Constraint {
  std::shared_ptr<const Grammar> grammar;
  bool lazy = false;              // free text until a trigger fires
  std::vector<Trigger> triggers;  // of a lazy grammar
  ThinkingTags thinking;          // in it a lazy grammar sleeps; ends are looked at as triggers too
  std::string already_read;       // text that the prompt ends with and the grammar describes
};

/// Allows exactly the tokens that the grammar can read; end-of-generation tokens where it accepts.
class Filter : public TokenFilter {
 public:
  /// Text that must come next (jump-forward), "" when there is a choice.
  virtual std::string forced_text() const = 0;
  virtual std::unique_ptr<Filter> clone() const = 0;
};

std::unique_ptr<Filter> make_filter(const Constraint& constraint,
                                    std::shared_ptr<const Vocabulary> vocabulary);

}  // namespace llm::grammar
