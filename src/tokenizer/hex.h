// Hexadecimal digits in the texts of tokens.
#pragma once

#include <string_view>

namespace llm {

/// -1 for what is no digit.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// -1 unless both are digits.
inline int hex_byte(char high, char low) {
  const int h = hex_digit(high), l = hex_digit(low);
  return h < 0 || l < 0 ? -1 : h * 16 + l;
}

/// XX of "<0xXX>", -1 for any other text.
inline int byte_token_value(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  return hex_byte(text[3], text[4]);
}

}  // namespace llm
