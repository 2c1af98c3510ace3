// Which tokens of a vocabulary may follow a state.
#pragma once

#include <span>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/vocabulary.h"

namespace llm::grammar {

/// A set of tokens, kept as whatever is quickest to apply. Without those that end a generation.
struct TokenSet {
  enum class Form : std::uint8_t { few, most, bits };
  Form form = Form::few;
  std::vector<TokenId> list;        // few: the allowed ones; most: the forbidden ones
  std::vector<std::uint64_t> bits;  // by token
  std::uint32_t count = 0;

  bool is_empty() const { return count == 0; }
  /// Forbids what is not in the set; `ends` stay when `may_end`.
  void apply(std::span<float> logits, const Vocabulary& vocabulary, bool may_end) const;
};

/// Kept with the state: the next call is free. `state` belongs to `automaton`, which must not be
/// used with another vocabulary.
const TokenSet& allowed_tokens(Automaton& automaton, const State* state,
                               const Vocabulary& vocabulary);

}  // namespace llm::grammar
