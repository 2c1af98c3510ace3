#include "chat/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.h"
#include "chat/jinja/special_casing.h"

namespace llm::chat::jinja::unicode {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;

utf8proc_category_t category(char32_t c) noexcept {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

const SpecialCase* special_case(char32_t c) noexcept {
  const auto rows = special_cases();
  const auto found = std::lower_bound(
      rows.begin(), rows.end(), c,
      [](const SpecialCase& row, char32_t code_point) { return row.code_point < code_point; });
  return found != rows.end() && found->code_point == c ? &*found : nullptr;
}

void append_all(std::string& out, const std::array<char32_t, 3>& code_points) {
  for (const char32_t c : code_points)
    if (c != 0) utf8::append(out, c);
}

bool is_cased(char32_t c) noexcept {
  return is_upper(c) || is_lower(c) || is_title(c);
}

/// Characters that the rule for the final sigma looks through.
bool is_case_ignorable(char32_t c) noexcept {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2019;
  }
}

/// A capital sigma at `at` ends a word: a cased letter before it, none after it.
bool ends_word(std::string_view text, std::size_t at, std::size_t after) noexcept {
  bool before = false;
  for (std::size_t i = at; i > 0;) {
    do --i;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80);
    const char32_t c = utf8::decode(text, i).code_point;
    if (is_case_ignorable(c)) continue;
    before = is_cased(c);
    break;
  }
  if (!before) return false;
  while (after < text.size()) {
    const utf8::Decoded next = utf8::decode(text, after);
    if (!is_case_ignorable(next.code_point)) return !is_cased(next.code_point);
    after += next.length;
  }
  return true;
}

/// Lower case of the character `c` at `at`, which takes `length` bytes.
void append_lower(std::string& out, std::string_view text, std::size_t at, char32_t c, int length) {
  if (c == kCapitalSigma && ends_word(text, at, at + length)) {
    utf8::append(out, kFinalSigma);
  } else if (c == 0x130) {  // capital i with dot: i and a combining dot
    out += "i\u0307";
  } else {
    utf8::append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
}

/// Calls `visit(at, code_point, length)` for every character.
template <class Visit>
void each(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    visit(at, d.code_point, d.length);
    at += d.length;
  }
}

}  // namespace

bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t count(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::size_t width_at(std::string_view text, std::size_t at) noexcept {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return end - at;
}

std::size_t offset_of(std::string_view text, std::size_t index) noexcept {
  std::size_t at = 0;
  while (index > 0 && at < text.size()) {
    at += width_at(text, at);
    --index;
  }
  return at;
}

bool is_space(char32_t c) noexcept {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_alpha(char32_t c) noexcept {
  const utf8proc_category_t k = category(c);
  return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) noexcept {
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t c) noexcept {
  return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
         (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247C) ||
         (c >= 0x2488 && c <= 0x2490);
}

bool is_numeric(char32_t c) noexcept {
  const utf8proc_category_t k = category(c);
  return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool is_upper(char32_t c) noexcept {
  return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0;
}

bool is_lower(char32_t c) noexcept {
  return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0;
}

bool is_title(char32_t c) noexcept {
  return category(c) == UTF8PROC_CATEGORY_LT;
}

bool is_printable(char32_t c) noexcept {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

void append_upper(std::string& out, char32_t c) {
  if (const SpecialCase* row = c < 0x80 ? nullptr : special_case(c)) {
    append_all(out, row->upper);
  } else {
    utf8::append(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
  }
}

void append_title(std::string& out, char32_t c) {
  if (const SpecialCase* row = c < 0x80 ? nullptr : special_case(c)) {
    append_all(out, row->title);
  } else {
    utf8::append(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
  }
}

std::string upper(std::string_view text) {
  std::string out;
  each(text, [&](std::size_t, char32_t c, int) { append_upper(out, c); });
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  each(text,
       [&](std::size_t at, char32_t c, int length) { append_lower(out, text, at, c, length); });
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  each(text, [&](std::size_t at, char32_t c, int length) {
    if (at == 0) {
      append_title(out, c);
    } else {
      append_lower(out, text, at, c, length);
    }
  });
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool inside_word = false;
  each(text, [&](std::size_t at, char32_t c, int length) {
    if (inside_word) {
      append_lower(out, text, at, c, length);
    } else {
      append_title(out, c);
    }
    inside_word = is_cased(c);
  });
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  each(text, [&](std::size_t at, char32_t c, int length) {
    if (is_upper(c)) {
      append_lower(out, text, at, c, length);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      utf8::append(out, c);
    }
  });
  return out;
}

std::string_view strip_left(std::string_view text) noexcept {
  while (!text.empty()) {
    const utf8::Decoded d = utf8::decode(text, 0);
    if (!is_space(d.code_point)) break;
    text.remove_prefix(d.length);
  }
  return text;
}

std::string_view strip_right(std::string_view text) noexcept {
  while (!text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (!is_space(utf8::decode(text, at).code_point)) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

std::string_view strip(std::string_view text) noexcept {
  return strip_right(strip_left(text));
}

}  // namespace llm::chat::jinja::unicode
