#include "grammar/json/json_text.h"

#include <algorithm>

#include "grammar/json_schema.h"

namespace llm::grammar {
namespace {

constexpr int kMaxConstantDepth = 200;
/// Beginnings that one_of() shares are nested at most so deep.
constexpr int kMaxSharedDepth = 40;

CodeRanges raw_characters() {
  return complement(normalized({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}}));
}

struct ShortEscape {
  char32_t code_point;
  const char* text;
};
constexpr ShortEscape kShortEscapes[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"},
                                         {'\f', "\\f"}, {'\n', "\\n"},  {'\r', "\\r"},
                                         {'\t', "\\t"}};

}  // namespace

/// Rules of this kind are the same in all of `out_`: a name that is known there is not new.
Expr JsonText::shared(const char* name, const std::function<Expr()>& make) {
  if (const auto found = rules_.find(name); found != rules_.end()) return found->second;
  const Expr newest = out_.literal(name);
  const char* kind[] = {"json ", "python ", "gemma "};
  const Expr rule = out_.rule(kind[static_cast<int>(notation_)] + std::string(name));
  rules_.emplace(name, rule);
  if (rule.index > newest.index) out_.define(rule, make());
  return rule;
}

Expr JsonText::quoted(Expr text) {
  const char* quote = notation_ == Notation::gemma ? kGemmaQuote : "\"";
  return out_.sequence({out_.literal(quote), text, out_.literal(quote)});
}

Expr JsonText::key(const std::string& name) {
  return out_.literal(notation_ == Notation::gemma ? name : Json(name).dump());
}

Expr JsonText::any_key() {
  if (notation_ != Notation::gemma) return string();
  constexpr int kMaxKey = 64;
  return out_.repeat(out_.chars({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}), 1, kMaxKey);
}

std::string JsonText::scalar(const Json& value) const {
  if (notation_ != Notation::gemma || !value.is_string()) return value.dump();
  return kGemmaQuote + value.get<std::string>() + kGemmaQuote;
}

Expr JsonText::word(const char* json_word) {
  if (notation_ != Notation::python) return out_.literal(json_word);
  const std::string json = json_word;
  return out_.choice({out_.literal(json), out_.literal(json == "true"    ? "True"
                                                       : json == "false" ? "False"
                                                                         : "None")});
}

Expr JsonText::space() {
  if (notation_ == Notation::gemma) return out_.empty();
  return shared("space", [&] {
    const Expr indent = out_.repeat(out_.chars({{' ', ' '}, {'\t', '\t'}}), 0, kMaxIndent);
    return out_.choice({out_.empty(), out_.literal(" "),
                        out_.sequence({out_.repeat(out_.literal("\n"), 1, 2), indent})});
  });
}

Expr JsonText::open(std::string_view symbol) {
  return out_.sequence({out_.literal(symbol), space()});
}
Expr JsonText::close(std::string_view symbol) {
  return out_.sequence({space(), out_.literal(symbol)});
}
Expr JsonText::comma() {
  return open(",");
}
Expr JsonText::colon() {
  return out_.sequence({space(), out_.literal(":"), space()});
}

Expr JsonText::hex_digit(int first, int last) {
  std::vector<CodeRange> ranges;
  const auto add = [&](int from, int to, char32_t base) {
    from = std::max(first, from);
    to = std::min(last, to);
    if (from <= to) {
      ranges.push_back({static_cast<char32_t>(base + from), static_cast<char32_t>(base + to)});
    }
  };
  add(0, 9, '0');
  add(10, 15, 'a' - 10);
  add(10, 15, 'A' - 10);
  return out_.chars(std::move(ranges));
}

/// \uXXXX of the 16-bit codes from `first` to `last`: cut where a digit before the last ones
/// changes, as in any range of fixed-width numbers.
Expr JsonText::escaped_code(char32_t first, char32_t last) {
  std::vector<Expr> parts;
  while (first <= last) {
    int free_digits = 0;  // trailing digits that take all values
    char32_t size = 1;
    while (free_digits < 4 && first % (size * 16) == 0 && first + size * 16 - 1 <= last) {
      size *= 16;
      ++free_digits;
    }
    std::vector<Expr> digits = {out_.literal("\\u")};
    char32_t block_last = first + size - 1;
    if (free_digits < 4) {  // the digit before them takes a range
      const char32_t digit = first / size % 16;
      const char32_t most = std::min<char32_t>(15 - digit, (last - block_last) / size);
      block_last += most * size;
      for (int d = 3; d > free_digits; --d) {
        const int value = static_cast<int>(first >> (4 * d) & 15);
        digits.push_back(hex_digit(value, value));
      }
      digits.push_back(hex_digit(static_cast<int>(digit), static_cast<int>(digit + most)));
    }
    if (free_digits > 0) digits.push_back(out_.repeat(hex_digit(0, 15), free_digits, free_digits));
    parts.push_back(out_.sequence(std::move(digits)));
    first = block_last + 1;
  }
  return out_.choice(std::move(parts));
}

Expr JsonText::string_char() {
  return shared("character", [&] {
    std::vector<Expr> spellings = {out_.chars(raw_characters())};
    for (const ShortEscape& escape : kShortEscapes) spellings.push_back(out_.literal(escape.text));
    spellings.push_back(escaped_code(0, kFirstSurrogate - 1));
    spellings.push_back(escaped_code(kLastSurrogate + 1, 0xFFFF));
    // A pair of halves is one character.
    spellings.push_back(
        out_.sequence({escaped_code(0xD800, 0xDBFF), escaped_code(0xDC00, 0xDFFF)}));
    return out_.choice(std::move(spellings));
  });
}

Expr JsonText::string_char(const CodeRanges& set) {
  if (set == all_characters()) return string_char();
  if (const auto found = classes_.find(set); found != classes_.end()) return found->second;
  std::vector<Expr> spellings;
  CodeRanges raw = intersection(set, raw_characters());
  CodeRanges controls = intersection(set, normalized({{0, 0x1F}, {0x7F, 0x7F}}));
  for (const ShortEscape& escape : kShortEscapes) {
    if (!contains(set, escape.code_point)) continue;
    spellings.push_back(out_.literal(escape.text));
    controls = intersection(controls, complement({{escape.code_point, escape.code_point}}));
  }
  for (const CodeRange& range : controls) {
    spellings.push_back(escaped_code(range.first, range.last));
  }
  constexpr std::size_t kMaxEscapedRanges = 4;
  const CodeRanges beyond = intersection(set, complement({{0, 0x7F}}));
  if (beyond.size() <= kMaxEscapedRanges) {
    for (const CodeRange& range : beyond) {
      if (range.first <= 0xFFFF) {
        spellings.push_back(escaped_code(range.first, std::min<char32_t>(range.last, 0xFFFF)));
      }
      if (range.first <= 0x10000 && range.last == kLastCodePoint) {
        spellings.push_back(
            out_.sequence({escaped_code(0xD800, 0xDBFF), escaped_code(0xDC00, 0xDFFF)}));
      }
    }
  }
  if (!raw.empty()) spellings.insert(spellings.begin(), out_.chars(std::move(raw)));
  const Expr expr = spellings.size() == 1 ? spellings.front() : out_.choice(std::move(spellings));
  classes_.emplace(set, expr);
  return expr;
}

Expr JsonText::character(const CodeRanges& set, Spelling spelling) {
  if (spelling == Spelling::json_string) return string_char(set);
  return set == all_characters() ? out_.any_char() : out_.chars(set);
}

Expr JsonText::string() {
  return shared("string", [&] {
    return quoted(notation_ == Notation::gemma ? out_.text_without({kGemmaQuote})
                                               : out_.repeat(string_char(), 0));
  });
}

Expr JsonText::integer() {
  return shared("integer", [&] {
    const Expr digit = out_.chars({{'0', '9'}});
    return out_.sequence(
        {out_.optional(out_.literal("-")),
         out_.choice({out_.literal("0"), out_.sequence({out_.chars({{'1', '9'}}),
                                                        out_.repeat(digit, 0, kMaxDigits - 1)})})});
  });
}

/// Exponents end where a double would overflow.
Expr JsonText::number() {
  return shared("number", [&] {
    const Expr digit = out_.chars({{'0', '9'}});
    const Expr fraction = out_.sequence({out_.literal("."), out_.repeat(digit, 1, kMaxDigits)});
    const Expr three_digits =
        out_.choice({out_.sequence({out_.literal("1"), digit, digit}),
                     out_.sequence({out_.literal("2"), out_.chars({{'0', '8'}}), digit})});
    const Expr exponent = out_.sequence({out_.chars({{'e', 'e'}, {'E', 'E'}}),
                                         out_.optional(out_.chars({{'+', '+'}, {'-', '-'}})),
                                         out_.choice({out_.repeat(digit, 1, 2), three_digits})});
    return out_.sequence({integer(), out_.optional(fraction), out_.optional(exponent)});
  });
}

Expr JsonText::list(Expr item, int minimum, int maximum) {
  if (maximum == 0) return out_.sequence({open("["), out_.literal("]")});
  const int more = maximum == Expressions::kNoMaximum ? maximum : maximum - 1;
  Expr items = out_.sequence(
      {item, out_.repeat(out_.sequence({comma(), item}), std::max(0, minimum - 1), more), space()});
  if (minimum == 0) items = out_.optional(items);
  return out_.sequence({open("["), items, out_.literal("]")});
}

Expr JsonText::array() {
  return shared("array", [&] { return list(value(), 0, Expressions::kNoMaximum); });
}

Expr JsonText::object() {
  return shared("object", [&] {
    const Expr member = out_.sequence({any_key(), colon(), value()});
    const Expr members =
        out_.sequence({member, out_.repeat(out_.sequence({comma(), member}), 0), space()});
    return out_.sequence({open("{"), out_.optional(members), out_.literal("}")});
  });
}

Expr JsonText::value() {
  return shared("value", [&] {
    return out_.choice(
        {object(), array(), string(), number(), word("true"), word("false"), word("null")});
  });
}

Expr JsonText::constant(const Json& value) {
  return constant(value, 0);
}

Expr JsonText::constant(const Json& value, int depth) {
  if (depth > kMaxConstantDepth) throw GrammarError("a constant is nested too deeply");
  if (!value.is_structured()) return out_.literal(scalar(value));
  if (value.empty()) {
    return out_.sequence(
        {open(value.is_array() ? "[" : "{"), out_.literal(value.is_array() ? "]" : "}")});
  }
  std::vector<Expr> parts = {open(value.is_array() ? "[" : "{")};
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (it != value.begin()) parts.push_back(comma());
    if (value.is_object()) {
      parts.push_back(key(it.key()));
      parts.push_back(colon());
    }
    parts.push_back(constant(*it, depth + 1));
  }
  parts.push_back(close(value.is_array() ? "]" : "}"));
  return out_.sequence(std::move(parts));
}

Expr JsonText::one_of(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts.empty() ? out_.nothing() : one_of(texts, 0, texts.size(), 0, 0);
}

/// Texts `first` to `last`, sorted, which agree in their first `from` bytes.
Expr JsonText::one_of(const std::vector<std::string>& texts, std::size_t first, std::size_t last,
                      std::size_t from, int depth) {
  const auto rest = [&](std::size_t i, std::size_t at) {
    return out_.literal(std::string_view(texts[i]).substr(at));
  };
  if (last - first == 1) return from == texts[first].size() ? out_.empty() : rest(first, from);
  std::vector<Expr> choices;
  for (std::size_t i = first; i < last;) {
    if (texts[i].size() == from) {  // sorted: only the first can be that short
      choices.push_back(out_.empty());
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (depth < kMaxSharedDepth && end < last && texts[end][from] == texts[i][from]) ++end;
    if (end == i + 1) {
      choices.push_back(rest(i, from));
    } else {
      std::size_t common = from + 1;
      while (common < texts[i].size() && common < texts[end - 1].size() &&
             texts[i][common] == texts[end - 1][common]) {
        ++common;
      }
      const auto begin = std::string_view(texts[i]).substr(from, common - from);
      choices.push_back(
          out_.sequence({out_.literal(begin), one_of(texts, i, end, common, depth + 1)}));
    }
    i = end;
  }
  return choices.size() == 1 ? choices.front() : out_.choice(std::move(choices));
}

Expr add_json_value(Expressions& expressions) {
  return JsonText(expressions).value();
}
Expr add_json_object(Expressions& expressions) {
  return JsonText(expressions).object();
}

}  // namespace llm::grammar
