// Deterministic automata over characters: where expressions do not suffice because languages have
// to be intersected or complemented (a pattern with a length, keys that are not these names).
//
// Everything is bounded: TooComplex is thrown where an automaton would get large.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grammar/json/json_text.h"
#include "grammar/regex/regex_syntax.h"

namespace llm::grammar {

class TooComplex : public GrammarError {
 public:
  using GrammarError::GrammarError;
};

struct Dfa {
  static constexpr int kMaxStates = 10'000;

  struct Edge {
    char32_t first, last;
    int target;
  };
  struct State {
    std::vector<Edge> edges;  // sorted, disjoint
    bool accepts = false;
  };

  /// The first one is the start. Without states: no text is accepted.
  std::vector<State> states;

  bool is_empty() const { return states.empty(); }
  bool matches(std::string_view text) const;
};

/// Texts that contain a match of the expression. Surrogates and invalid bytes match nothing.
Dfa regex_dfa(const Regex& regex);
/// Texts of `minimum` to `maximum` characters (negative: no maximum).
Dfa length_dfa(int minimum, int maximum);
/// Exactly these texts.
Dfa words_dfa(std::vector<std::string> words);
/// Texts that contain `text`, which is not empty.
Dfa containing_dfa(std::string_view text);
Dfa complement(const Dfa& dfa);
Dfa intersection(const Dfa& a, const Dfa& b);

/// Keeps the states from which a text can end. All of the above do it themselves.
Dfa trimmed(const Dfa& dfa);
/// The smallest equal automaton, or `dfa` where looking for it would take long.
Dfa minimized(const Dfa& dfa);

/// The texts of `dfa` as an expression; never one with dead ends.
Expr add_dfa(JsonText& out, const Dfa& dfa, Spelling spelling);

}  // namespace llm::grammar
