// Tokens to a syntax tree.
#pragma once

#include <string>
#include <string_view>

#include "chat/jinja/syntax.h"

namespace llm::chat::jinja {

/// Throws Failure (syntax) with line and column. `source` is normalised.
SyntaxTree parse(std::string_view source);

}  // namespace llm::chat::jinja
