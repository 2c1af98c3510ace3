#include "chat/jinja/string_functions.h"

#include <algorithm>

#include "base/utf8.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

/// Byte offset of the last character.
std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

Value reversed_list(Runtime& runtime, std::vector<Value> parts) {
  std::reverse(parts.begin(), parts.end());
  return runtime.list(std::move(parts));
}

void add_part(Runtime& runtime, std::vector<Value>& parts, std::string_view part) {
  runtime.step();
  parts.push_back(runtime.text(std::string(part)));
}

/// True when there is a cased character and none satisfies `is_wrong`.
template <class Wrong>
bool all_cased(std::string_view text, Wrong is_wrong) {
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    if (is_wrong(d.code_point) || unicode::is_title(d.code_point)) return false;
    any = any || unicode::is_upper(d.code_point) || unicode::is_lower(d.code_point);
    at += d.length;
  }
  return any;
}

}  // namespace

std::string_view stripped(std::string_view text, const std::string_view* chars, bool left,
                          bool right) {
  if (!chars) {
    if (left) text = unicode::strip_left(text);
    return right ? unicode::strip_right(text) : text;
  }
  const auto in_set = [&](std::string_view character) {
    return !character.empty() && chars->find(character) != std::string_view::npos;
  };
  while (left && !text.empty()) {
    const std::size_t width = unicode::width_at(text, 0);
    if (!in_set(text.substr(0, width))) break;
    text.remove_prefix(width);
  }
  while (right && !text.empty()) {
    const std::size_t at = last_character(text);
    if (!in_set(text.substr(at))) break;
    text = text.substr(0, at);
  }
  return text;
}

Value split_at(Runtime& runtime, std::string_view text, std::string_view separator,
               std::int64_t most) {
  if (separator.empty()) refuse("empty separator");
  std::vector<Value> parts;
  for (; most != 0; --most) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    add_part(runtime, parts, text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  add_part(runtime, parts, text);
  return runtime.list(std::move(parts));
}

Value split_at_from_end(Runtime& runtime, std::string_view text, std::string_view separator,
                        std::int64_t most) {
  if (separator.empty()) refuse("empty separator");
  std::vector<Value> parts;
  for (; most != 0; --most) {
    const std::size_t at = text.rfind(separator);
    if (at == std::string_view::npos) break;
    add_part(runtime, parts, text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  add_part(runtime, parts, text);
  return reversed_list(runtime, std::move(parts));
}

Value split_at_spaces(Runtime& runtime, std::string_view text, std::int64_t most) {
  std::vector<Value> parts;
  for (text = unicode::strip_left(text); !text.empty(); text = unicode::strip_left(text)) {
    if (most-- == 0) {
      add_part(runtime, parts, text);
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const utf8::Decoded d = utf8::decode(text, end);
      if (unicode::is_space(d.code_point)) break;
      end += d.length;
    }
    add_part(runtime, parts, text.substr(0, end));
    text.remove_prefix(end);
  }
  return runtime.list(std::move(parts));
}

Value split_at_spaces_from_end(Runtime& runtime, std::string_view text, std::int64_t most) {
  std::vector<Value> parts;
  for (text = unicode::strip_right(text); !text.empty(); text = unicode::strip_right(text)) {
    if (most-- == 0) {
      add_part(runtime, parts, text);
      break;
    }
    std::size_t begin = text.size();
    while (begin > 0) {
      const std::size_t at = last_character(text.substr(0, begin));
      if (unicode::is_space(utf8::decode(text, at).code_point)) break;
      begin = at;
    }
    add_part(runtime, parts, text.substr(begin));
    text = text.substr(0, begin);
  }
  return reversed_list(runtime, std::move(parts));
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    std::size_t next = at + static_cast<std::size_t>(d.length);
    if (is_line_end(d.code_point)) {
      if (d.code_point == '\r' && next < text.size() && text[next] == '\n') ++next;
      lines.emplace_back(text.substr(begin, (keep_ends ? next : at) - begin));
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string replaced(Runtime& runtime, std::string_view text, std::string_view old,
                     std::string_view with, std::int64_t most) {
  std::string out;
  runtime.step(text.size() / 16);
  runtime.charge(text.size());
  std::size_t at = 0;
  for (; most != 0; --most) {
    // An empty part is found before every character and at the end.
    const std::size_t found = old.empty() ? at : text.find(old, at);
    if (found == std::string_view::npos) break;
    runtime.charge(with.size());
    out += text.substr(at, found - at);
    out += with;
    at = found + old.size();
    if (!old.empty()) continue;
    if (at >= text.size()) break;
    const std::size_t width = unicode::width_at(text, at);
    out += text.substr(at, width);
    at += width;
  }
  out += text.substr(at);
  return out;
}

bool is_identifier(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    const bool starts = d.code_point == '_' || unicode::is_alpha(d.code_point);
    if (!starts && (at == 0 || !unicode::is_numeric(d.code_point))) return false;
    at += d.length;
  }
  return !text.empty();
}

bool is_all_upper(std::string_view text) {
  return all_cased(text, unicode::is_lower);
}
bool is_all_lower(std::string_view text) {
  return all_cased(text, unicode::is_upper);
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace llm::chat::jinja
