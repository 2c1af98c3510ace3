// Template source to tokens, with white space control already applied: trim_blocks and
// lstrip_blocks are on, and the marks `-` and `+` are obeyed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::chat::jinja {

enum class TokenKind : std::uint8_t {
  data,            // text outside of tags
  block_begin,     // {%
  block_end,       // %}
  variable_begin,  // {{
  variable_end,    // }}
  name,
  string,
  integer,
  floating,
  symbol,  // an operator or a bracket
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;      // of a string: its content, escapes resolved
  std::uint32_t at = 0;  // byte offset in the source
};

/// What an error message calls a token.
std::string describe(const Token& token);

/// Line feeds only, valid UTF-8, and without the one line feed that ends the source.
std::string normalized_source(std::string_view source);

/// Line and column, both from 1; columns count code points.
std::pair<int, int> position(std::string_view source, std::uint32_t at);

/// Throws Failure (syntax). `source` is normalised.
std::vector<Token> tokenize(std::string_view source);

}  // namespace llm::chat::jinja
