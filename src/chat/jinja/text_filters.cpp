// Filters that work on text.
#include <algorithm>

#include "base/utf8.h"
#include "chat/jinja/filter_tables.h"
#include "chat/jinja/format.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/string_functions.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

template <std::string (*transform)(std::string_view)>
Value transformed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("the filter", arguments, {});
  const std::string text = to_text(runtime, self);
  runtime.step(text.size() / 16);
  return runtime.text(transform(text));
}

/// Words begin at the start and behind white space, hyphens and opening brackets.
std::string title(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view character = text.substr(at, unicode::width_at(text, at));
    const char32_t c = utf8::decode(character, 0).code_point;
    out += at_start ? unicode::upper(character) : unicode::lower(character);
    at_start = unicode::is_space(c) ||
               (c < 0x80 &&
                std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos);
    at += character.size();
  }
  return out;
}

Value trim(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("trim", arguments, {"chars"});
  const std::string text = to_text(runtime, self);
  const std::string_view chars =
      bound.some(0) ? std::string_view(bound.text(0)) : std::string_view();
  return runtime.text(std::string(stripped(text, bound.some(0) ? &chars : nullptr, true, true)));
}

Value string(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("string", arguments, {});
  return self.is_string() ? self : runtime.text(to_text(runtime, self));
}

Value safe(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return string(runtime, self, arguments);
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  return runtime.text(replaced(runtime, to_text(runtime, self), to_text(runtime, bound[0]),
                               to_text(runtime, bound[1]),
                               bound.some(2) ? bound.integer(2, -1) : -1));
}

Value indent(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("indent", arguments, {"width", "first", "blank"});
  if (!self.is_string()) refuse("indent wants a string, not '{}'", type_name(self));
  const bool is_text = bound.has(0) && bound[0].is_string();
  const std::string indention =
      is_text ? bound.text(0) : pad(runtime, "", bound.integer(0, 4), '<', ' ');
  const bool blank = bound.truth(2, false);
  std::string out = bound.truth(1, false) ? indention : "";
  bool first = true;
  for (const std::string& line : split_lines(self.text() + "\n", false)) {
    runtime.charge(indention.size() + line.size() + 1);
    if (!first) {
      out += '\n';
      if (blank || !line.empty()) out += indention;
    }
    first = false;
    out += line;
  }
  return runtime.text(std::move(out));
}

Value center(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("center", arguments, {"width"});
  Arguments width;
  width.positional.push_back(bound.integer(0, 80));
  const Value text = runtime.text(to_text(runtime, self));
  return find_method(text, "center")(runtime, text, width);
}

Value truncate(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::string end = bound.text(2, "...");
  const std::int64_t most = bound.integer(0, 255);
  const std::int64_t leeway = bound.some(3) ? bound.integer(3, 5) : 5;
  const std::int64_t kept = most - static_cast<std::int64_t>(unicode::count(end));
  if (kept < 0) refuse("truncate: the length {} is less than that of the end", most);
  if (leeway < 0) refuse("truncate: expected leeway >= 0, got {}", leeway);
  // Not `most + leeway`, which may overflow.
  if (static_cast<std::int64_t>(length(self)) - leeway <= most) return self;
  if (!self.is_string()) refuse("truncate wants a string, not '{}'", type_name(self));
  const std::string& text = self.text();
  std::string shown = text.substr(0, unicode::offset_of(text, static_cast<std::size_t>(kept)));
  if (!bound.truth(1, false)) {
    const std::size_t space = shown.rfind(' ');
    if (space != std::string::npos) shown.resize(space);
  }
  return runtime.text(shown + end);
}

bool is_word(char32_t c) {
  return c == '_' || unicode::is_alpha(c) || unicode::is_numeric(c);
}

Value wordcount(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("wordcount", arguments, {});
  const std::string text = to_text(runtime, self);
  runtime.step(text.size() / 16);
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    const bool word = is_word(d.code_point);
    if (word && !inside) ++words;
    inside = word;
    at += d.length;
  }
  return words;
}

/// Breaks one line into lines of at most `width` code points, between words where possible.
std::vector<std::string> wrapped(const std::string& line, std::size_t width, bool break_words) {
  std::vector<std::string> lines;
  std::string current;
  const auto flush = [&] {
    const std::string trimmed(unicode::strip_right(current));
    if (!trimmed.empty()) lines.push_back(trimmed);
    current.clear();
  };
  for (std::size_t at = 0; at < line.size();) {
    // A chunk is a word, or the white space between two.
    const bool space = unicode::is_space(utf8::decode(line, at).code_point);
    std::size_t end = at;
    while (end < line.size() && unicode::is_space(utf8::decode(line, end).code_point) == space)
      end += unicode::width_at(line, end);
    std::string chunk = line.substr(at, end - at);
    at = end;
    if (unicode::count(current) + unicode::count(chunk) > width) {
      if (space) {
        flush();
        continue;
      }
      flush();
      while (break_words && unicode::count(chunk) > width) {
        const std::size_t cut = unicode::offset_of(chunk, width);
        lines.push_back(chunk.substr(0, cut));
        chunk.erase(0, cut);
      }
    }
    if (space && current.empty() && !lines.empty()) continue;
    current += chunk;
  }
  flush();
  return lines;
}

Value wordwrap(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("wordwrap", arguments,
                    {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  if (!self.is_string()) refuse("wordwrap wants a string, not '{}'", type_name(self));
  const std::int64_t width = bound.integer(0, 79);
  if (width <= 0) refuse("wordwrap: the width must be greater than 0");
  const std::string separator = bound.some(2) ? bound.text(2) : "\n";
  std::string out;
  bool first = true;
  runtime.step(self.text().size());
  for (const std::string& line : split_lines(self.text(), false)) {
    std::vector<std::string> parts =
        wrapped(line, static_cast<std::size_t>(width), bound.truth(1, true));
    if (parts.empty()) parts.emplace_back();
    for (const std::string& part : parts) {
      if (!first) out += separator;
      first = false;
      runtime.charge(part.size() + separator.size());
      out += part;
    }
  }
  return runtime.text(std::move(out));
}

Value format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    refuse("format cannot take positional and named arguments together");
  Value values = make_tuple(arguments.positional);
  if (!arguments.named.empty()) {
    auto dict = std::make_shared<Dict>();
    for (const auto& [name, value] : arguments.named) dict->set(name, value);
    values = make_dict(std::move(dict));
  }
  return runtime.text(format_percent(runtime, to_text(runtime, self), values));
}

constexpr NamedFunction kFilters[] = {
    {"capitalize", transformed<unicode::capitalize>},
    {"center", center},
    {"format", format},
    {"indent", indent},
    {"lower", transformed<unicode::lower>},
    {"replace", replace},
    {"safe", safe},
    {"string", string},
    {"title", transformed<title>},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", transformed<unicode::upper>},
    {"wordcount", wordcount},
    {"wordwrap", wordwrap},
};

}  // namespace

std::span<const NamedFunction> text_filters() {
  return kFilters;
}

}  // namespace llm::chat::jinja
