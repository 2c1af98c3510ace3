// Regular expressions (ECMAScript syntax with Unicode, without look-around and back-references) to
// expressions.
#pragma once

#include <string_view>

#include "grammar/expression.h"

namespace llm::grammar {

enum class RegexUse {
  plain,       // the text itself
  json_string  // the text between the quotes of a JSON string: characters may be written as escapes
};

/// The whole texts that contain a match of `pattern` (anchors make it the whole text). Throws
/// GrammarError with the position for what is not supported.
Expr add_regex(Expressions& expressions, std::string_view pattern, RegexUse use);

}  // namespace llm::grammar
