// UTF-8 (RFC 3629) without exceptions: validation, decoding, and the question that streams ask,
// "does this text end in half a character?".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm::utf8 {

struct Decoded {
  char32_t code_point;  // U+FFFD when the bytes are not a character
  int length;           // bytes consumed, 1 for an invalid byte; 0 at the end
};

/// The character at `text[at]`. Overlong forms, surrogates and values above U+10FFFF are invalid.
Decoded decode(std::string_view text, std::size_t at) noexcept;
void append(std::string& out, char32_t code_point);
bool is_valid(std::string_view text) noexcept;

/// Bytes at the end of `text` that begin a character but do not finish it (0..3).
std::size_t incomplete_tail(std::string_view text) noexcept;

/// `text` with every invalid byte replaced by U+FFFD.
std::string sanitized(std::string_view text);

}  // namespace llm::utf8
