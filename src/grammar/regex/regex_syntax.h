// The syntax tree of an ECMAScript regular expression.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "grammar/regex/code_ranges.h"

namespace llm::grammar {

/// Correct, but beyond what automata can do here (look-around, back-references, flags).
class UnsupportedPattern : public GrammarError {
 public:
  using GrammarError::GrammarError;
};

struct RegexNode {
  enum class Kind {
    empty,
    chars,
    sequence,
    choice,
    repeat,
    begin,         // ^
    end,           // $
    word_edge,     // \b
    no_word_edge,  // \B
  };
  static constexpr int kNoMaximum = -1;

  Kind kind = Kind::empty;
  CodeRanges chars;
  std::vector<int> parts;  // indices of nodes; they stand before this one
  int minimum = 0, maximum = 0;
};

struct Regex {
  static constexpr int kMaxNodes = 50'000;
  static constexpr int kMaxDepth = 100;
  static constexpr int kMaxCount = 1'000'000;

  std::vector<RegexNode> nodes;  // the last one is the root
  const RegexNode& root() const { return nodes.back(); }
  int root_index() const { return static_cast<int>(nodes.size()) - 1; }
};

/// Throws GrammarError with the position (in characters).
Regex parse_regex(std::string_view pattern);

/// Characters of \d, \w and \s.
const CodeRanges& digit_characters();
const CodeRanges& word_characters();
const CodeRanges& space_characters();

/// Characters with a Unicode property as \p{...} names it: a general category, a script, a binary
/// property. Throws GrammarError when there is none of that name.
CodeRanges property_characters(std::string_view name);

}  // namespace llm::grammar
