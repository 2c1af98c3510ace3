// Regular expressions whose assertions stand only at the ends of the whole alternatives become
// expressions as they are, with counted repetitions. Others have to go through dfa.h.
#pragma once

#include <optional>

#include "grammar/json/json_text.h"
#include "grammar/regex/regex_syntax.h"

namespace llm::grammar {

bool has_simple_anchors(const Regex& regex);
/// The texts that contain a match. Requires has_simple_anchors().
Expr add_regex_tree(JsonText& out, const Regex& regex, Spelling spelling);

struct LengthRange {
  int minimum;
  int maximum;  // negative: none
};
/// How many characters a text that contains a match may have, at least so narrow.
LengthRange match_lengths(const Regex& regex);

/// "^[...]{m,n}$": one set of characters, any of them in every place.
struct RepeatedClass {
  CodeRanges chars;
  LengthRange lengths;
};
std::optional<RepeatedClass> as_repeated_class(const Regex& regex);

/// Whether some character of `text` occurs in no match and not beside one: no text of the
/// expression can contain `text` then.
bool cannot_contain(const Regex& regex, std::string_view text);

}  // namespace llm::grammar
