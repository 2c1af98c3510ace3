// Which strings a schema allows, and how to write them: counted characters, an expression, or an
// automaton where several conditions meet.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grammar/regex/dfa.h"
#include "grammar/regex/regex_tree.h"

namespace llm::grammar {

/// What is asked of a string's characters; the pattern of a format is one of the patterns.
struct StringShape {
  std::vector<std::string> patterns;
  int minimum = 0, maximum = -1;     // characters; negative: no maximum
  std::vector<std::string> refused;  // these texts not

  bool is_plain() const {
    return patterns.empty() && refused.empty() && minimum == 0 && maximum < 0;
  }
};

struct StringLanguage {
  // Exactly one of these, or none for any characters.
  std::optional<Regex> tree;
  std::optional<CodeRanges> chars;
  std::shared_ptr<const Dfa> automaton;
  std::string stop;  // does not occur in any text; only without the others, and without counts
  int minimum = 0, maximum = -1;  // of characters; not of an automaton or a tree

  bool is_empty() const;
};

/// `stop`, where not empty, may not occur in the text. A condition that would make it too large is
/// left out and told to `pass_over`. Throws GrammarError for a malformed pattern.
StringLanguage string_language(const StringShape& shape, const std::string& stop,
                               const std::function<void(const std::string&)>& pass_over);
/// The same language as an automaton. Throws TooComplex.
Dfa string_dfa(const StringLanguage& language);
Expr add_string_language(JsonText& out, const StringLanguage& language, Spelling spelling);

/// The pattern of `format`; "" where it asks nothing of the text, or is not known.
std::string format_pattern(const std::string& format);

}  // namespace llm::grammar
