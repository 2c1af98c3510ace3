#include "chat/jinja/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/utf8.h"
#include "chat/jinja/big_integer.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

// Python writes exponents for decimal exponents below and from these on.
constexpr int kLowestPlain = -4;
constexpr int kFirstExponent = 16;

std::string_view open_of(const Value& value) {
  if (value.is(Kind::tuple)) return "(";
  switch (value.list().flavor) {
    case Flavor::keys:
      return "dict_keys([";
    case Flavor::values:
      return "dict_values([";
    case Flavor::items:
      return "dict_items([";
    default:
      return "[";
  }
}

std::string_view close_of(const Value& value) {
  if (value.is(Kind::tuple)) return value.list().items.size() == 1 ? ",)" : ")";
  const Flavor flavor = value.list().flavor;
  return flavor == Flavor::plain || flavor == Flavor::generator ? "]" : "])";
}

void append_repr_of_items(Runtime& runtime, std::string& out, const Value& value) {
  out += open_of(value);
  const auto& items = value.list().items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += ", ";
    append_repr(runtime, out, items[i]);
  }
  out += close_of(value);
}

void append_repr_of_entries(Runtime& runtime, std::string& out, const Dict& dict) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) out += ", ";
    first = false;
    append_repr(runtime, out, key);
    out += ": ";
    append_repr(runtime, out, value);
  }
  out += '}';
}

/// Single quotes, unless the text has some and no double quotes.
void append_quoted(Runtime& runtime, std::string& out, std::string_view text) {
  runtime.charge(text.size());
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    if (d.code_point == static_cast<char32_t>(quote) || d.code_point == '\\') {
      out += '\\';
      out += text[at];
    } else if (unicode::is_printable(d.code_point)) {
      out += text.substr(at, d.length);
    } else {
      append_escaped(out, d.code_point);
    }
    at += d.length;
  }
  out += quote;
}

void append_repr_of_namespace(Runtime& runtime, std::string& out, const Namespace& names) {
  out += "<Namespace {";
  for (std::size_t i = 0; i < names.attributes.size(); ++i) {
    if (i != 0) out += ", ";
    append_quoted(runtime, out, names.attributes[i].first);
    out += ": ";
    append_repr(runtime, out, names.attributes[i].second);
  }
  out += "}>";
}

std::string range_text(const Range& range) {
  if (range.step == 1) return fmt::format("range({}, {})", range.start, range.stop);
  return fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
}

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific)
          .ptr;
  const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = shortest.find('e');
  const int exponent = std::atoi(std::string(shortest.substr(e + 1)).c_str());
  std::string digits(1, shortest[0]);
  if (e > 2) digits += shortest.substr(2, e - 2);

  std::string out = std::signbit(value) ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < kLowestPlain || exponent >= kFirstExponent) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(-exponent - 1, '0') + digits;
  if (count <= exponent + 1) return out + digits + std::string(exponent + 1 - count, '0') + ".0";
  return out + digits.substr(0, exponent + 1) + "." + digits.substr(exponent + 1);
}

void append_escaped(std::string& out, char32_t c) {
  const auto number = static_cast<std::uint32_t>(c);
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c < 0x100) {
    out += fmt::format("\\x{:02x}", number);
  } else if (c < 0x10000) {
    out += fmt::format("\\u{:04x}", number);
  } else {
    out += fmt::format("\\U{:08x}", number);
  }
}

void append_text(Runtime& runtime, std::string& out, const Value& value) {
  if (value.is_undefined()) return;
  if (!value.is_string()) return append_repr(runtime, out, value);
  runtime.charge(value.text().size());
  out += value.text();
}

std::string to_text(Runtime& runtime, const Value& value) {
  std::string out;
  append_text(runtime, out, value);
  return out;
}

void append_repr(Runtime& runtime, std::string& out, const Value& value) {
  const Runtime::Nested nested(runtime);
  runtime.step();
  runtime.charge(8);
  switch (value.kind()) {
    case Kind::undefined:
      out += "Undefined";
      break;
    case Kind::none:
      out += "None";
      break;
    case Kind::boolean:
      out += value.boolean() ? "True" : "False";
      break;
    case Kind::integer:
      out += std::to_string(value.integer());
      break;
    case Kind::big_integer:
      out += value.big().to_string();
      break;
    case Kind::floating:
      out += float_text(value.floating());
      break;
    case Kind::string:
      append_quoted(runtime, out, value.text());
      break;
    case Kind::list:
    case Kind::tuple:
      append_repr_of_items(runtime, out, value);
      break;
    case Kind::range:
      out += range_text(value.range());
      break;
    case Kind::dict:
      append_repr_of_entries(runtime, out, value.dict());
      break;
    case Kind::name_space:
      append_repr_of_namespace(runtime, out, value.name_space());
      break;
    case Kind::loop:
      out += fmt::format("<LoopContext {}/{}>", value.loop().index + 1, value.loop().items.size());
      break;
    case Kind::callable:
      out += value.callable().describe();
      break;
  }
}

std::string repr(Runtime& runtime, const Value& value) {
  std::string out;
  append_repr(runtime, out, value);
  return out;
}

}  // namespace llm::chat::jinja
