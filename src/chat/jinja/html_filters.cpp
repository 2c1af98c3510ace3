// Filters made for web pages. Chat templates hardly use them, but they are part of the language.
#include <fmt/format.h>

#include <cmath>

#include "chat/jinja/filter_tables.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/string_functions.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

Value escape(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("escape", arguments, {});
  return runtime.text(html_escaped(to_text(runtime, self)));
}

/// Drops comments and tags and folds white space.
Value striptags(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("striptags", arguments, {});
  std::string text = to_text(runtime, self);
  const auto drop = [&](std::string_view open, std::string_view close) {
    std::string kept;
    std::size_t at = 0;
    for (;;) {
      const std::size_t begin = text.find(open, at);
      const std::size_t end =
          begin == std::string::npos ? begin : text.find(close, begin + open.size());
      if (end == std::string::npos) break;
      kept.append(text, at, begin - at);
      at = end + close.size();
    }
    text = kept + text.substr(at);
  };
  drop("<!--", "-->");
  drop("<", ">");
  std::string folded;
  for (const Value& word : split_at_spaces(runtime, text, -1).list().items) {
    if (!folded.empty()) folded += ' ';
    folded += word.text();
  }
  return runtime.text(std::move(folded));
}

std::string quoted(std::string_view text, bool in_query) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || c == '-' || c == '_' || c == '.' ||
                       c == '~' || (c == '/' && !in_query);
    if (plain) {
      out += c;
    } else if (c == ' ' && in_query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

Value urlencode(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("urlencode", arguments, {});
  if (self.is_string() || !is_iterable(self))
    return runtime.text(quoted(to_text(runtime, self), false));
  std::string out;
  const auto add = [&](const Value& key, const Value& value) {
    if (!out.empty()) out += '&';
    out += quoted(to_text(runtime, key), true) + "=" + quoted(to_text(runtime, value), true);
  };
  if (self.is(Kind::dict)) {
    for (const auto& [key, value] : self.dict().entries()) add(key, value);
  } else {
    for (const Value& pair : iterate(runtime, self)) {
      const std::vector<Value> parts = iterate(runtime, pair);
      if (parts.size() != 2) refuse("urlencode wants pairs, not {} values", parts.size());
      add(parts[0], parts[1]);
    }
  }
  return runtime.text(std::move(out));
}

Value xmlattr(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("xmlattr", arguments, {"autospace"});
  if (!self.is(Kind::dict)) refuse("xmlattr wants a dict, not '{}'", type_name(self));
  std::string out;
  for (const auto& [key, value] : self.dict().entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    const std::string name = to_text(runtime, key);
    if (name.find_first_of(" \t\n\r\f/>=") != std::string::npos)
      refuse("Invalid character in attribute name: {}", repr(runtime, key));
    if (!out.empty()) out += ' ';
    out += html_escaped(name) + "=\"" + html_escaped(to_text(runtime, value)) + "\"";
  }
  if (bound.truth(0, true) && !out.empty()) out.insert(out.begin(), ' ');
  return runtime.text(std::move(out));
}

Value filesizeformat(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("filesizeformat", arguments, {"binary"});
  Arguments none;
  const double bytes = find_filter("float")(runtime, self, none).floating();
  const bool binary = bound.truth(0, false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return runtime.text("1 Byte");
  if (bytes < base) return runtime.text(fmt::format("{:.0f} Bytes", std::trunc(bytes)));
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  std::size_t i = 0;
  for (; i + 1 < kPrefixes.size() && bytes >= unit * base; ++i) unit *= base;
  const std::string prefix =
      binary ? std::string(1, i == 0 ? 'K' : kPrefixes[i]) + "i" : std::string(1, kPrefixes[i]);
  return runtime.text(fmt::format("{:.1f} {}B", bytes / unit, prefix));
}

constexpr NamedFunction kFilters[] = {
    {"e", escape},
    {"escape", escape},
    {"forceescape", escape},
    {"striptags", striptags},
    {"urlencode", urlencode},
    {"xmlattr", xmlattr},
    {"filesizeformat", filesizeformat},
};

}  // namespace

std::span<const NamedFunction> html_filters() {
  return kFilters;
}

}  // namespace llm::chat::jinja
