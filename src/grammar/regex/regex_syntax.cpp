#include "grammar/regex/regex_syntax.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/utf8.h"

namespace llm::grammar {
namespace {

using Kind = RegexNode::Kind;

/// Of ECMA-262 with the flag u, and what is commonly written without it: escaped punctuation, and
/// braces and brackets that quantify or close nothing as themselves.
class Parser {
 public:
  explicit Parser(std::string_view pattern) {
    if (!utf8::is_valid(pattern)) throw GrammarError("a pattern is not UTF-8");
    for (std::size_t at = 0; at < pattern.size();) {
      const utf8::Decoded next = utf8::decode(pattern, at);
      text_ += next.code_point;
      at += static_cast<std::size_t>(next.length);
    }
  }

  Regex parse() {
    choice(0);
    if (at_ < text_.size()) error("unmatched ')'");
    return std::move(regex_);
  }

 private:
  [[noreturn]] void error(const std::string& what) const { throw GrammarError(located(what)); }
  [[noreturn]] void unsupported(const std::string& what) const {
    throw UnsupportedPattern(located(what + " is not supported"));
  }
  std::string located(const std::string& what) const {
    return "pattern, character " + std::to_string(at_ + 1) + ": " + what;
  }

  bool is_at_end() const { return at_ >= text_.size(); }
  bool looks_at(char32_t c) const { return !is_at_end() && text_[at_] == c; }
  bool looks_at(std::u32string_view s) const {
    return std::u32string_view(text_).substr(at_, s.size()) == s;
  }
  bool take(char32_t c) {
    if (!looks_at(c)) return false;
    ++at_;
    return true;
  }

  int add(RegexNode node) {
    if (regex_.nodes.size() >= Regex::kMaxNodes) error("the pattern is too large");
    regex_.nodes.push_back(std::move(node));
    return regex_.root_index();
  }
  int add_chars(CodeRanges chars) {
    RegexNode node;
    node.kind = Kind::chars;
    node.chars = std::move(chars);
    return add(std::move(node));
  }
  int add_list(Kind kind, std::vector<int> parts) {
    if (parts.size() == 1) {
      // The root has to be the last node.
      if (parts[0] == regex_.root_index()) return parts[0];
    }
    RegexNode node;
    node.kind = parts.empty() ? Kind::empty : kind;
    node.parts = std::move(parts);
    return add(std::move(node));
  }

  int choice(int depth) {
    if (depth > Regex::kMaxDepth) error("groups are nested too deeply");
    std::vector<int> parts = {sequence(depth)};
    while (take('|')) parts.push_back(sequence(depth));
    return add_list(Kind::choice, std::move(parts));
  }

  int sequence(int depth) {
    std::vector<int> parts;
    while (!is_at_end() && !looks_at('|') && !looks_at(')')) parts.push_back(term(depth));
    return add_list(Kind::sequence, std::move(parts));
  }

  int term(int depth) {
    const std::size_t start = at_;
    RegexNode assertion;
    if (take('^')) {
      assertion.kind = Kind::begin;
    } else if (take('$')) {
      assertion.kind = Kind::end;
    } else if (looks_at(U"\\b") || looks_at(U"\\B")) {
      assertion.kind = text_[at_ + 1] == 'b' ? Kind::word_edge : Kind::no_word_edge;
      at_ += 2;
    } else {
      return quantified(atom(depth));
    }
    if (looks_at('*') || looks_at('+') || looks_at('?')) {
      at_ = start;
      error("an assertion cannot be repeated");
    }
    return add(std::move(assertion));
  }

  int quantified(int part) {
    RegexNode node;
    node.kind = Kind::repeat;
    node.parts = {part};
    node.maximum = RegexNode::kNoMaximum;
    if (take('*')) {
    } else if (take('+')) {
      node.minimum = 1;
    } else if (take('?')) {
      node.maximum = 1;
    } else if (const auto counts = braces()) {
      std::tie(node.minimum, node.maximum) = *counts;
    } else {
      return part;
    }
    take('?');  // lazy: which texts match does not depend on it
    if (looks_at('*') || looks_at('+') || looks_at('?')) error("nothing to repeat");
    return add(std::move(node));
  }

  /// {m}, {m,} or {m,n}; nothing when it is not one.
  std::optional<std::pair<int, int>> braces() {
    const std::size_t start = at_;
    if (!take('{')) return std::nullopt;
    const std::optional<int> minimum = number();
    std::optional<int> maximum = minimum;
    if (minimum && take(',')) maximum = looks_at('}') ? RegexNode::kNoMaximum : number();
    if (!minimum || !maximum || !take('}')) {
      at_ = start;
      return std::nullopt;
    }
    if (*maximum != RegexNode::kNoMaximum && *maximum < *minimum) {
      error("the counts of a repetition are out of order");
    }
    return std::pair(*minimum, *maximum);
  }

  std::optional<int> number() {
    if (is_at_end() || text_[at_] < '0' || text_[at_] > '9') return std::nullopt;
    int value = 0;
    while (!is_at_end() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<int>(text_[at_++] - '0');
      if (value > Regex::kMaxCount) error("the count of a repetition is too large");
    }
    return value;
  }

  int atom(int depth) {
    if (take('(')) return group(depth);
    if (take('[')) return add_chars(bracket_class());
    if (take('.')) {
      return add_chars(complement(normalized({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}})));
    }
    if (take('\\')) return add_chars(escape(false));
    if (looks_at('*') || looks_at('+') || looks_at('?')) error("nothing to repeat");
    const char32_t c = text_[at_++];
    return add_chars({{c, c}});
  }

  int group(int depth) {
    if (take('?')) {
      if (looks_at('=') || looks_at('!')) unsupported("look-ahead");
      if (looks_at(U"<=") || looks_at(U"<!")) unsupported("look-behind");
      if (take('<')) {
        const std::size_t start = at_;
        while (!is_at_end() && text_[at_] != '>') ++at_;
        if (at_ == start || !take('>')) error("a group's name is not closed");
      } else if (!take(':')) {
        unsupported("this kind of group");
      }
    }
    const int inner = choice(depth + 1);
    if (!take(')')) error("a group is not closed");
    return inner;
  }

  static int hex_value(char32_t c) {
    if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
    return -1;
  }

  char32_t hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = is_at_end() ? -1 : hex_value(text_[at_]);
      if (digit < 0) error("a hexadecimal digit is missing");
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    return value;
  }

  /// Behind \u: four digits, a pair of them, or braces.
  char32_t unicode_escape() {
    if (take('{')) {
      char32_t value = 0;
      do {
        value = value * 16 + hex(1);
        if (value > kLastCodePoint) error("no such character");
      } while (!take('}'));
      return value;
    }
    const char32_t high = hex(4);
    if (high < 0xD800 || high > 0xDBFF || !looks_at(U"\\u")) return high;
    const std::size_t start = at_;
    at_ += 2;
    const char32_t low = looks_at('{') ? 0 : hex(4);
    if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    at_ = start;
    return high;
  }

  CodeRanges property(bool negated) {
    const std::size_t start = at_;
    std::string name;
    if (take('{')) {
      while (!is_at_end() && text_[at_] != '}') utf8::append(name, text_[at_++]);
      if (!take('}')) error("a property's name is not closed");
    }
    try {
      const CodeRanges set = property_characters(name);
      return negated ? complement(set) : set;
    } catch (const GrammarError& reason) {
      at_ = start;
      error(reason.what());
    }
  }

  /// Behind a backslash.
  CodeRanges escape(bool in_class) {
    if (is_at_end()) error("a backslash at the end");
    const char32_t c = text_[at_++];
    const auto single = [](char32_t code) { return CodeRanges{{code, code}}; };
    switch (c) {
      case 'd':
        return digit_characters();
      case 'D':
        return complement(digit_characters());
      case 'w':
        return word_characters();
      case 'W':
        return complement(word_characters());
      case 's':
        return space_characters();
      case 'S':
        return complement(space_characters());
      case 'p':
        return property(false);
      case 'P':
        return property(true);
      case 't':
        return single('\t');
      case 'n':
        return single('\n');
      case 'v':
        return single('\v');
      case 'f':
        return single('\f');
      case 'r':
        return single('\r');
      case 'x':
        return single(hex(2));
      case 'u':
        return single(unicode_escape());
      case 'k':
        --at_;
        unsupported("a back-reference");
      case 'c':
        if (!is_at_end() && text_[at_] < 0x80 && std::isalpha(static_cast<int>(text_[at_]))) {
          return single(text_[at_++] % 32);
        }
        error("a control letter is missing");
      case '0':
        if (is_at_end() || text_[at_] < '0' || text_[at_] > '9') return single(0);
        break;
      case 'b':
        if (in_class) return single('\b');
        break;
      default:
        break;
    }
    if (c >= '1' && c <= '9') {
      --at_;
      unsupported("a back-reference");
    }
    if (c < 0x80 && std::isalnum(static_cast<int>(c))) {
      --at_;
      error("unknown escape");
    }
    return single(c);
  }

  CodeRanges bracket_class() {
    const bool negated = take('^');
    CodeRanges set;
    while (!take(']')) {
      if (is_at_end()) error("a class is not closed");
      const CodeRanges first = class_atom();
      if (!looks_at('-') || at_ + 1 >= text_.size() || text_[at_ + 1] == ']') {
        set.insert(set.end(), first.begin(), first.end());
        continue;
      }
      const std::size_t dash = at_++;
      const CodeRanges last = class_atom();
      const auto is_single = [](const CodeRanges& r) {
        return r.size() == 1 && r[0].first == r[0].last;
      };
      if (is_single(first) && is_single(last)) {
        if (first[0].first > last[0].first) {
          at_ = dash;
          error("a range of characters is out of order");
        }
        set.push_back({first[0].first, last[0].first});
      } else {  // as in [\w-.]: the dash is itself
        set.insert(set.end(), first.begin(), first.end());
        set.insert(set.end(), last.begin(), last.end());
        set.push_back({'-', '-'});
      }
    }
    set = normalized(std::move(set));
    return negated ? complement(set) : set;
  }

  CodeRanges class_atom() {
    if (take('\\')) return escape(true);
    if (is_at_end()) error("a class is not closed");
    const char32_t c = text_[at_++];
    return {{c, c}};
  }

  std::u32string text_;
  std::size_t at_ = 0;
  Regex regex_;
};

}  // namespace

const CodeRanges& digit_characters() {
  static const CodeRanges set = {{'0', '9'}};
  return set;
}

const CodeRanges& word_characters() {
  static const CodeRanges set = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return set;
}

const CodeRanges& space_characters() {
  static const CodeRanges set = {
      {'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
      {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  return set;
}

Regex parse_regex(std::string_view pattern) {
  constexpr std::size_t kMaxPattern = 100'000;
  if (pattern.size() > kMaxPattern) throw GrammarError("a pattern is too long");
  return Parser(pattern).parse();
}

}  // namespace llm::grammar
