#include "chat/text_parts.h"

#include <algorithm>

namespace llm::chat {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::string_view last_marker(std::string_view text) {
  const std::size_t end = text.find_last_not_of(kSpaces);
  if (end == std::string_view::npos || (text[end] != '>' && text[end] != ']')) return {};
  const std::size_t begin = text.rfind(text[end] == '>' ? '<' : '[', end);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

std::string_view first_marker(std::string_view text) {
  const std::size_t begin = text.find_first_of("<[");
  if (begin == std::string_view::npos) return {};
  const std::size_t end = text.find(text[begin] == '<' ? '>' : ']', begin);
  return end == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t size = 0;
  while (size < shorter && a[size] == b[size]) ++size;
  const auto inside = [&](std::string_view text) {
    return size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80;
  };
  while (size > 0 && (inside(a) || inside(b))) --size;
  return size;
}

}  // namespace llm::chat
