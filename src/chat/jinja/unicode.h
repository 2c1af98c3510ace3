// Python's view of text: sequences of code points, with its notions of white space, case and
// classes of characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm::chat::jinja::unicode {

bool is_ascii(std::string_view text) noexcept;
/// Code points in valid UTF-8.
std::size_t count(std::string_view text) noexcept;
/// Byte offset of code point number `index`; the size when there are fewer.
std::size_t offset_of(std::string_view text, std::size_t index) noexcept;
/// Bytes of the character that begins at `at`.
std::size_t width_at(std::string_view text, std::size_t at) noexcept;

bool is_space(char32_t c) noexcept;
bool is_alpha(char32_t c) noexcept;
bool is_decimal(char32_t c) noexcept;
bool is_digit(char32_t c) noexcept;
bool is_numeric(char32_t c) noexcept;
bool is_upper(char32_t c) noexcept;
bool is_lower(char32_t c) noexcept;
bool is_title(char32_t c) noexcept;
/// False for what Python's repr escapes.
bool is_printable(char32_t c) noexcept;

// Full case mappings: one character may become several.
void append_upper(std::string& out, char32_t c);
void append_title(std::string& out, char32_t c);
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);
std::string swap_case(std::string_view text);

std::string_view strip_left(std::string_view text) noexcept;
std::string_view strip_right(std::string_view text) noexcept;
std::string_view strip(std::string_view text) noexcept;

}  // namespace llm::chat::jinja::unicode
