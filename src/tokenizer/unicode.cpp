#include "tokenizer/unicode.h"

#include <algorithm>

#include "base/utf8.h"

namespace llm::unicode {

char category(char32_t c) {
  const auto* const end = table::kCategories + table::kCategoryCount;
  const auto* const next =
      std::upper_bound(table::kCategories, end, c,
                       [](char32_t code, const table::Category& row) { return code < row.first; });
  return static_cast<char>((next - 1)->letter);
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  switch (c) {
    case 0x0085:
    case 0x00A0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return c >= 0x2000 && c <= 0x200A;
  }
}

char32_t to_lower(char32_t c) {
  const auto* const end = table::kLower + table::kLowerCount;
  const auto* const row = std::lower_bound(
      table::kLower, end, c, [](const table::Lower& r, char32_t code) { return r.upper < code; });
  return row != end && row->upper == c ? row->lower : c;
}

char32_t decomposition_start(char32_t c) {
  if (c < 0xC0) return c;
  const auto* const begin = table::kDecompositions;
  const auto* const next = std::upper_bound(
      begin, begin + table::kDecompositionCount, c,
      [](char32_t code, const table::Decomposition& row) { return code < row.first; });
  return next != begin && c <= (next - 1)->last ? (next - 1)->start : c;
}

Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead < 0xC0 || lead > 0xF7 ? 1 : announced_length(text[at]);
  if (length == 1 || at + length > text.size()) return {kReplacement, 1};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kReplacement, 1};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  if (code > kMaxCodePoint) return {kReplacement, 1};
  return {code, length};
}

namespace {

std::size_t encoded_length(char32_t c) {
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

}  // namespace

bool is_canonical(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Decoded d = decode(text, at);
    if (encoded_length(d.code_point) != d.length) return false;
    at += d.length;
  }
  return true;
}

std::string canonical(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode(text, at);
    utf8::append(out, d.code_point);
    at += d.length;
  }
  return out;
}

}  // namespace llm::unicode
