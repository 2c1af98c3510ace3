// GBNF, llama.cpp's grammar notation, to expressions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "grammar/expression.h"

namespace llm::grammar {

/// The id of the token that `text` is in the vocabulary; nothing when it is not exactly one.
using TokenLookup = std::function<std::optional<TokenId>(const std::string& text)>;

/// The rule `root`. Throws GrammarError with line and column.
Expr add_gbnf(Expressions& expressions, std::string_view text, const TokenLookup& token = {});

}  // namespace llm::grammar
