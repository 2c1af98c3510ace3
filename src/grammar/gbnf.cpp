#include "grammar/gbnf.h"

#include <algorithm>
#include <unordered_map>

#include "base/utf8.h"
#include "grammar/automaton/analysis.h"

namespace llm::grammar {
namespace {

constexpr int kMaxNesting = 500;  // of parentheses
constexpr int kMaxCount = 1'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

class Parser {
 public:
  Parser(Expressions& expressions, std::string_view text, const TokenLookup& token)
      : expressions_(expressions),
        text_(text),
        token_(token),
        // Rules of this text must not meet those of another one in the same expressions.
        prefix_(fmt::format("gbnf {}: ", expressions.nodes().size())) {}

  Expr parse() {
    skip_space(/*newlines=*/true);
    if (at_ == text_.size()) error(at_, "the grammar is empty");
    while (at_ < text_.size()) {
      parse_rule();
      skip_space(/*newlines=*/true);
    }
    return check();
  }

 private:
  struct Rule {
    Expr expr;
    std::size_t used = 0, defined = 0;
    bool is_defined = false;
  };

  [[noreturn]] void error(std::size_t at, const std::string& message) const {
    int line = 1, column = 1;
    for (std::size_t i = 0; i < std::min(at, text_.size()); ++i) {
      const bool is_break = text_[i] == '\n' || (text_[i] == '\r' && peek(i + 1) != '\n');
      if (is_break) {
        ++line;
        column = 1;
      } else if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) {
        ++column;
      }
    }
    throw GrammarError(fmt::format("grammar, line {}, column {}: {}", line, column, message));
  }

  /// What stands at `at_`, for messages.
  std::string found() const {
    if (at_ >= text_.size()) return "the end of the text";
    const char c = text_[at_];
    if (c == '\n' || c == '\r') return "the end of the line";
    const int length = utf8::decode(text_, at_).length;
    return "'" + utf8::sanitized(text_.substr(at_, length)) + "'";
  }

  char peek(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  char current() const { return peek(at_); }

  void skip_space(bool newlines) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        while (peek(at_ + 1) != '\n' && peek(at_ + 1) != '\r' && at_ + 1 < text_.size()) ++at_;
      } else if (c != ' ' && c != '\t' && !(newlines && (c == '\n' || c == '\r'))) {
        return;
      }
    }
  }

  Rule& rule(std::string_view name, std::size_t at) {
    const auto [found, is_new] = rules_.try_emplace(std::string(name));
    if (is_new) {
      found->second.expr = expressions_.rule(prefix_ + found->first);
      found->second.used = at;
    }
    return found->second;
  }

  std::string_view parse_name(const char* what) {
    const std::size_t begin = at_;
    while (is_name_character(current())) ++at_;
    if (at_ == begin) error(at_, fmt::format("expected {}, found {}", what, found()));
    return text_.substr(begin, at_ - begin);
  }

  void parse_rule() {
    const std::size_t begin = at_;
    const std::string name(parse_name("the name of a rule"));
    skip_space(false);
    if (text_.substr(at_, 3) != "::=") {
      error(at_, fmt::format("expected '::=' behind '{}', found {}", name, found()));
    }
    at_ += 3;
    skip_space(true);
    const Expr body = parse_alternatives(0);
    if (at_ < text_.size() && current() != '\n' && current() != '\r') {
      error(at_, fmt::format("expected the end of rule '{}', found {}", name, found()));
    }
    Rule& defined = rule(name, begin);
    expressions_.define(defined.expr, body);
    defined.is_defined = true;
    defined.defined = begin;
  }

  Expr parse_alternatives(int nesting) {
    std::vector<Expr> alternatives = {parse_sequence(nesting)};
    while (current() == '|') {
      ++at_;
      skip_space(true);
      alternatives.push_back(parse_sequence(nesting));
    }
    return expressions_.choice(std::move(alternatives));
  }

  Expr parse_sequence(int nesting) {
    std::vector<Expr> items;
    while (true) {
      bool may_repeat = true;
      Expr item;
      if (!parse_item(nesting, item, may_repeat)) break;
      skip_space(nesting > 0);
      Expr repeated = item;
      while (is_repeat(current())) {
        if (!may_repeat) error(at_, "an empty literal cannot be repeated");
        repeated = parse_repeat(repeated);
        skip_space(nesting > 0);
      }
      items.push_back(repeated);
    }
    if (is_repeat(current())) error(at_, fmt::format("{} has nothing to repeat", found()));
    return expressions_.sequence(std::move(items));
  }

  static bool is_repeat(char c) { return c == '*' || c == '+' || c == '?' || c == '{'; }

  bool parse_item(int nesting, Expr& item, bool& may_repeat) {
    const char c = current();
    if (at_ >= text_.size()) return false;
    if (c == '"') {
      item = parse_literal(may_repeat);
    } else if (c == '[') {
      item = parse_class();
    } else if (c == '.') {
      ++at_;
      item = expressions_.any_char();
    } else if (c == '(') {
      item = parse_group(nesting);
    } else if (c == '<' || c == '!') {
      item = parse_token();
    } else if (is_name_character(c)) {
      const std::size_t begin = at_;
      item = rule(parse_name("a name"), begin).expr;
    } else {
      return false;
    }
    return true;
  }

  Expr parse_group(int nesting) {
    const std::size_t begin = at_++;
    if (nesting >= kMaxNesting) {
      error(begin, fmt::format("more than {} nested parentheses", kMaxNesting));
    }
    skip_space(true);
    const Expr inner = parse_alternatives(nesting + 1);
    if (current() != ')') {
      if (at_ >= text_.size()) error(begin, "the parenthesis is not closed");
      error(at_, fmt::format("expected ')', found {}", found()));
    }
    ++at_;
    return inner;
  }

  Expr parse_literal(bool& may_repeat) {
    const std::size_t begin = at_++;
    std::string bytes;
    while (current() != '"') {
      if (at_ >= text_.size()) error(begin, "the literal is not closed");
      const std::size_t character = at_;
      const char32_t code = parse_character();
      if (code >= 0xD800 && code <= 0xDFFF) error(character, "half of a surrogate pair");
      utf8::append(bytes, code);
    }
    ++at_;
    may_repeat = !bytes.empty();
    return expressions_.literal(bytes);
  }

  Expr parse_class() {
    const std::size_t begin = at_++;
    const bool is_negated = current() == '^';
    if (is_negated) ++at_;
    std::vector<CodeRange> ranges;
    while (current() != ']') {
      if (at_ >= text_.size()) error(begin, "the character class is not closed");
      const std::size_t character = at_;
      const char32_t first = parse_character();
      char32_t last = first;
      if (current() == '-' && peek(at_ + 1) != ']') {
        ++at_;
        if (at_ >= text_.size()) error(begin, "the character class is not closed");
        last = parse_character();
        if (last < first) error(character, "the range ends before it begins");
      }
      ranges.push_back({first, last});
    }
    ++at_;
    if (ranges.empty() && !is_negated) return expressions_.empty();
    return expressions_.chars(std::move(ranges), is_negated);
  }

  char32_t parse_character() {
    if (current() == '\\') return parse_escape();
    const utf8::Decoded decoded = utf8::decode(text_, at_);
    if (decoded.code_point == 0xFFFD && decoded.length == 1) error(at_, "invalid UTF-8");
    at_ += decoded.length;
    return decoded.code_point;
  }

  char32_t parse_escape() {
    const std::size_t begin = at_++;
    const char c = current();
    if (at_ < text_.size()) ++at_;
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '\\':
      case '"':
      case '[':
      case ']':
        return static_cast<char32_t>(c);
      case 'x':
        return parse_hex(begin, 2);
      case 'u':
        return parse_hex(begin, 4);
      case 'U':
        return parse_hex(begin, 8);
      default:
        error(begin, "unknown escape; known are \\n \\r \\t \\\\ \\\" \\[ \\] \\x \\u \\U");
    }
  }

  char32_t parse_hex(std::size_t begin, int digits) {
    std::uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const int digit = hex_value(current());
      if (digit < 0) error(begin, fmt::format("expected {} hexadecimal digits", digits));
      value = value << 4 | static_cast<std::uint32_t>(digit);
    }
    if (value > 0x10FFFF) error(begin, "no Unicode character has this number");
    return value;
  }

  int parse_number(const char* what) {
    const std::size_t begin = at_;
    std::int64_t value = 0;
    for (; is_digit(current()); ++at_) {
      value = value * 10 + (current() - '0');
      if (value > kMaxCount) error(begin, fmt::format("counts go up to {}", kMaxCount));
    }
    if (at_ == begin) error(at_, fmt::format("expected {}, found {}", what, found()));
    return static_cast<int>(value);
  }

  Expr parse_repeat(Expr item) {
    const std::size_t begin = at_;
    const char c = text_[at_++];
    int minimum = c == '+' ? 1 : 0;
    int maximum = c == '?' ? 1 : Expressions::kNoMaximum;
    if (c == '{') {
      skip_space(false);
      minimum = maximum = parse_number("a number");
      skip_space(false);
      if (current() == ',') {
        ++at_;
        skip_space(false);
        maximum = is_digit(current()) ? parse_number("a number") : Expressions::kNoMaximum;
        skip_space(false);
      }
      if (current() != '}') error(at_, fmt::format("expected '}}', found {}", found()));
      ++at_;
      if (maximum != Expressions::kNoMaximum && maximum < minimum) {
        error(begin, fmt::format("at most {} is less than at least {}", maximum, minimum));
      }
    }
    return expressions_.repeat(item, minimum, maximum);
  }

  Expr parse_token() {
    const std::size_t begin = at_;
    const bool is_negated = current() == '!';
    if (is_negated) ++at_;
    if (current() != '<') error(at_, fmt::format("expected '<' behind '!', found {}", found()));
    TokenId id = kNoToken;
    if (peek(at_ + 1) == '[') {
      at_ += 2;
      id = parse_number("the number of a token");
      if (text_.substr(at_, 2) != "]>") error(at_, fmt::format("expected ']>', found {}", found()));
      at_ += 2;
    } else {
      const std::size_t line_end = std::min(text_.find_first_of("\r\n", at_), text_.size());
      const std::size_t end = text_.find('>', at_);
      if (end == std::string_view::npos || end > line_end) error(begin, "the token is not closed");
      const std::string name(text_.substr(at_, end + 1 - at_));
      at_ = end + 1;
      const std::optional<TokenId> known = token_ ? token_(name) : std::nullopt;
      if (!known) error(begin, fmt::format("'{}' is not one token of the model", name));
      id = *known;
    }
    return is_negated ? expressions_.any_token_but(id) : expressions_.token(id);
  }

  Expr check() {
    const Rule* undefined = nullptr;
    const std::string* undefined_name = nullptr;
    for (const auto& [name, rule] : rules_) {
      if (rule.is_defined || (undefined != nullptr && undefined->used < rule.used)) continue;
      undefined = &rule;
      undefined_name = &name;
    }
    if (undefined != nullptr) {
      error(undefined->used, fmt::format("undefined rule '{}'", *undefined_name));
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) error(text_.size(), "there is no rule 'root'");
    const std::int32_t recursive = find_left_recursion(expressions_, nullable_nodes(expressions_));
    for (const auto& [name, rule] : rules_) {
      if (rule.expr.index != recursive) continue;
      error(rule.defined, fmt::format("left recursion: rule '{}' may begin with itself", name));
    }
    return root->second.expr;
  }

  Expressions& expressions_;
  std::string_view text_;
  const TokenLookup& token_;
  std::string prefix_;
  std::size_t at_ = 0;
  std::unordered_map<std::string, Rule> rules_;
};

}  // namespace

Expr add_gbnf(Expressions& expressions, std::string_view text, const TokenLookup& token) {
  return Parser(expressions, text, token).parse();
}

}  // namespace llm::grammar
