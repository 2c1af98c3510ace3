// Python's methods of strings.
#include <algorithm>
#include <functional>

#include "base/utf8.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/format.h"
#include "chat/jinja/method_tables.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/string_functions.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

template <std::string (*transform)(std::string_view)>
Value transformed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("str method", arguments, {});
  runtime.step(self.text().size() / 16);
  return runtime.text(transform(self.text()));
}

enum class Side { left = 1, right = 2, both = 3 };

template <Side side>
Value strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("strip", arguments, {"chars"});
  const std::string_view chars =
      bound.some(0) ? std::string_view(bound.text(0)) : std::string_view();
  return runtime.text(std::string(stripped(self.text(), bound.some(0) ? &chars : nullptr,
                                           side != Side::right, side != Side::left)));
}

Value split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("split", arguments, {"sep", "maxsplit"});
  const std::int64_t most = bound.integer(1, -1);
  if (!bound.some(0)) return split_at_spaces(runtime, self.text(), most);
  return split_at(runtime, self.text(), bound.text(0), most);
}

Value rsplit(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("rsplit", arguments, {"sep", "maxsplit"});
  const std::int64_t most = bound.integer(1, -1);
  if (!bound.some(0)) return split_at_spaces_from_end(runtime, self.text(), most);
  return split_at_from_end(runtime, self.text(), bound.text(0), most);
}

Value splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("splitlines", arguments, {"keepends"});
  std::vector<Value> lines;
  for (std::string& line : split_lines(self.text(), bound.truth(0, false)))
    lines.push_back(runtime.text(std::move(line)));
  return runtime.list(std::move(lines));
}

Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("partition", arguments, {"sep"}, 1);
  const std::string &text = self.text(), &separator = bound.text(0);
  if (separator.empty()) refuse("empty separator");
  const std::size_t at = text.find(separator);
  if (at == std::string::npos) return make_tuple({self, runtime.text(""), runtime.text("")});
  return make_tuple({runtime.text(text.substr(0, at)), bound[0],
                     runtime.text(text.substr(at + separator.size()))});
}

Value rpartition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("rpartition", arguments, {"sep"}, 1);
  const std::string &text = self.text(), &separator = bound.text(0);
  if (separator.empty()) refuse("empty separator");
  const std::size_t at = text.rfind(separator);
  if (at == std::string::npos) return make_tuple({runtime.text(""), runtime.text(""), self});
  return make_tuple({runtime.text(text.substr(0, at)), bound[0],
                     runtime.text(text.substr(at + separator.size()))});
}

/// A part of a string, and the number of code points in front of it.
struct Window {
  std::string_view text;
  std::size_t before = 0;
  bool exists = true;  // false when the bounds are out of order: not even "" is found there
};

/// The part of `self` between the optional code point bounds number `from` and `from + 1`.
Window window(const Value& self, const Bound& bound, std::size_t from) {
  std::string_view text = self.text();
  if (!bound.some(from) && !bound.some(from + 1)) return {text};
  const auto count = static_cast<std::int64_t>(unicode::count(text));
  const auto place = [&](std::size_t i, std::int64_t otherwise) {
    const std::int64_t at = bound.some(i) ? bound.integer(i, otherwise) : otherwise;
    return at < 0 ? std::max<std::int64_t>(0, at + count) : at;
  };
  const std::int64_t start = place(from, 0);
  const std::int64_t stop = std::min(place(from + 1, count), count);
  if (start > stop) return {std::string_view(), 0, false};
  text = text.substr(0, unicode::offset_of(text, static_cast<std::size_t>(stop)));
  text.remove_prefix(unicode::offset_of(text, static_cast<std::size_t>(start)));
  return {text, static_cast<std::size_t>(start)};
}

template <bool at_start>
Value has_affix(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound(at_start ? "startswith" : "endswith", arguments, {"prefix", "start", "end"}, 1);
  const Window part = window(self, bound, 1);
  const std::string_view text = part.text;
  const auto matches = [&](const Value& affix) {
    if (!affix.is_string())
      refuse("{} first arg must be str or a tuple of str, not {}",
             at_start ? "startswith" : "endswith", type_name(affix));
    if (!part.exists) return false;
    return at_start ? text.starts_with(affix.text()) : text.ends_with(affix.text());
  };
  if (!bound[0].is(Kind::tuple)) return matches(bound[0]);
  const auto& affixes = bound[0].list().items;
  return std::any_of(affixes.begin(), affixes.end(), matches);
}

/// Code point index of a part, or -1.
template <bool from_end>
std::int64_t locate(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(from_end ? "rfind" : "find", arguments, {"sub", "start", "end"}, 1);
  runtime.step(self.text().size() / 16);
  const auto [text, before, exists] = window(self, bound, 1);
  if (!exists) return -1;
  const std::size_t at = from_end ? text.rfind(bound.text(0)) : text.find(bound.text(0));
  if (at == std::string_view::npos) return -1;
  return static_cast<std::int64_t>(before + unicode::count(text.substr(0, at)));
}

template <bool from_end>
Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return locate<from_end>(runtime, self, arguments);
}

template <bool from_end>
Value index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const std::int64_t at = locate<from_end>(runtime, self, arguments);
  if (at < 0) refuse("substring not found");
  return at;
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("count", arguments, {"sub", "start", "end"}, 1);
  runtime.step(self.text().size() / 16);
  const auto [text, before, exists] = window(self, bound, 1);
  if (!exists) return 0;
  const std::string& part = bound.text(0);
  if (part.empty()) return unicode::count(text) + 1;
  std::int64_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size()))
    ++found;
  return found;
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  return runtime.text(
      replaced(runtime, self.text(), bound.text(0), bound.text(1), bound.integer(2, -1)));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("join", arguments, {"iterable"}, 1);
  std::string out;
  std::size_t at = 0;
  for (const Value& item : iterate(runtime, bound[0])) {
    if (!item.is_string())
      refuse("sequence item {}: expected str instance, {} found", at, type_name(item));
    if (at++ != 0) out += self.text();
    runtime.charge(self.text().size() + item.text().size());
    out += item.text();
  }
  return Value(std::move(out));
}

template <char align>
Value justify(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("just", arguments, {"width", "fillchar"}, 1);
  const std::string fill = bound.text(1, " ");
  if (unicode::count(fill) != 1) refuse("The fill character must be exactly one character long");
  const char32_t character = utf8::decode(fill, 0).code_point;
  const std::int64_t width = bound.integer(0, 0);
  if (align != '^') return runtime.text(pad(runtime, self.text(), width, align, character));
  // Python's center puts an odd space to the left when the width is odd.
  const auto size = static_cast<std::int64_t>(unicode::count(self.text()));
  if (width <= size) return self;
  const std::int64_t missing = width - size;
  const std::int64_t left = missing / 2 + (missing & width & 1);
  return runtime.text(
      pad(runtime, pad(runtime, self.text(), size + left, '>', character), width, '<', character));
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("zfill", arguments, {"width"}, 1);
  const std::string& text = self.text();
  const bool has_sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  const std::string_view digits = std::string_view(text).substr(has_sign ? 1 : 0);
  const std::int64_t width = bound.integer(0, 0) - (has_sign ? 1 : 0);
  return runtime.text((has_sign ? text.substr(0, 1) : "") + pad(runtime, digits, width, '>', '0'));
}

template <bool prefix>
Value remove_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(prefix ? "removeprefix" : "removesuffix", arguments, {"affix"}, 1);
  std::string_view text = self.text();
  const std::string& affix = bound.text(0);
  if (prefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!prefix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return runtime.text(std::string(text));
}

Value expandtabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("expandtabs", arguments, {"tabsize"});
  const std::int64_t size = bound.integer(0, 8);
  std::string out;
  std::int64_t column = 0;
  for (const char c : self.text()) {
    if (c == '\t') {
      const std::int64_t spaces = size > 0 ? size - column % size : 0;
      runtime.charge(static_cast<std::uint64_t>(spaces));
      out.append(static_cast<std::size_t>(spaces), ' ');
      column += spaces;
      continue;
    }
    out += c;
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++column;
    if (c == '\n' || c == '\r') column = 0;
  }
  return runtime.text(std::move(out));
}

Value format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return runtime.text(format_braces(runtime, self.text(), arguments));
}

/// Every character satisfies `is`, and there is one.
template <bool (*is)(char32_t) noexcept>
Value all_are(Runtime& runtime, const Value& self, const Arguments&) {
  const std::string& text = self.text();
  runtime.step(text.size() / 16);
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text, at);
    if (!is(d.code_point)) return false;
    at += d.length;
  }
  return !text.empty();
}

bool is_alphanumeric(char32_t c) noexcept {
  return unicode::is_alpha(c) || unicode::is_numeric(c);
}

Value isascii(Runtime&, const Value& self, const Arguments&) {
  return unicode::is_ascii(self.text());
}

Value isprintable(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return self.text().empty() ? Value(true)
                             : all_are<unicode::is_printable>(runtime, self, arguments);
}

Value isidentifier(Runtime&, const Value& self, const Arguments&) {
  return is_identifier(self.text());
}

Value isupper(Runtime&, const Value& self, const Arguments&) {
  return is_all_upper(self.text());
}
Value islower(Runtime&, const Value& self, const Arguments&) {
  return is_all_lower(self.text());
}
Value istitle(Runtime&, const Value& self, const Arguments&) {
  return !self.text().empty() && unicode::title(self.text()) == self.text() &&
         unicode::upper(self.text()) != unicode::lower(self.text());
}

constexpr NamedFunction kMethods[] = {
    {"capitalize", transformed<unicode::capitalize>},
    {"casefold", transformed<unicode::lower>},
    {"center", justify<'^'>},
    {"count", count},
    {"endswith", has_affix<false>},
    {"expandtabs", expandtabs},
    {"find", find<false>},
    {"format", format},
    {"index", index<false>},
    {"isalnum", all_are<is_alphanumeric>},
    {"isalpha", all_are<unicode::is_alpha>},
    {"isascii", isascii},
    {"isdecimal", all_are<unicode::is_decimal>},
    {"isdigit", all_are<unicode::is_digit>},
    {"isidentifier", isidentifier},
    {"islower", islower},
    {"isnumeric", all_are<unicode::is_numeric>},
    {"isprintable", isprintable},
    {"isspace", all_are<unicode::is_space>},
    {"istitle", istitle},
    {"isupper", isupper},
    {"join", join},
    {"ljust", justify<'<'>},
    {"lower", transformed<unicode::lower>},
    {"lstrip", strip<Side::left>},
    {"partition", partition},
    {"removeprefix", remove_affix<true>},
    {"removesuffix", remove_affix<false>},
    {"replace", replace},
    {"rfind", find<true>},
    {"rindex", index<true>},
    {"rjust", justify<'>'>},
    {"rpartition", rpartition},
    {"rsplit", rsplit},
    {"rstrip", strip<Side::right>},
    {"split", split},
    {"splitlines", splitlines},
    {"startswith", has_affix<true>},
    {"strip", strip<Side::both>},
    {"swapcase", transformed<unicode::swap_case>},
    {"title", transformed<unicode::title>},
    {"upper", transformed<unicode::upper>},
    {"zfill", zfill},
};

}  // namespace

std::span<const NamedFunction> string_methods() {
  return kMethods;
}

}  // namespace llm::chat::jinja
