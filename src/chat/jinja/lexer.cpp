#include "chat/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/string_literal.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

// Longest first.
constexpr std::array<std::string_view, 27> kSymbols = {
    "==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "(", ")",
    "[",  "]",  "{",  "}",  "<",  ">",  "=", ".", ":", "|", ",", ";", "!"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) text_up_to_tag();
    add(TokenKind::end, "", source_.size());
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& message, std::size_t at) const {
    const auto [line, column] = position(source_, static_cast<std::uint32_t>(at));
    throw Failure(FailureKind::syntax, message, line, column);
  }

  void add(TokenKind kind, std::string text, std::size_t at) {
    tokens_.push_back({kind, std::move(text), static_cast<std::uint32_t>(at)});
  }

  bool follows(std::string_view text) const { return source_.substr(at_, text.size()) == text; }

  /// Next `{{`, `{%` or `{#` from `from` on.
  std::size_t find_tag(std::size_t from) const {
    for (std::size_t at = source_.find('{', from); at != std::string_view::npos;
         at = source_.find('{', at + 1)) {
      const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return at;
    }
    return std::string_view::npos;
  }

  void text_up_to_tag() {
    const std::size_t tag = find_tag(at_);
    if (tag == std::string_view::npos) {
      add(TokenKind::data, std::string(source_.substr(at_)), at_);
      at_ = source_.size();
      return;
    }
    const char kind = source_[tag + 1];
    const char mark = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const bool has_mark = mark == '-' || mark == '+';
    add_text(at_, tag, kind, has_mark ? mark : '\0');
    at_ = tag + (has_mark ? 3 : 2);
    if (kind == '#') {
      comment(tag);
    } else if (kind == '%' && raw_begins()) {
      raw(tag);
    } else {
      this->tag(tag, kind);
    }
  }

  /// Text between tags, less what the tag behind it strips.
  void add_text(std::size_t begin, std::size_t end, char kind, char mark) {
    std::string_view text = source_.substr(begin, end - begin);
    if (mark == '-') {
      text = unicode::strip_right(text);
    } else if (mark != '+' && kind != '{') {
      const std::size_t line = text.rfind('\n') + 1;  // 0 when there is none
      if ((line > 0 || line_start_) && unicode::strip(text.substr(line)).empty())
        text = text.substr(0, line);
    }
    if (!text.empty()) add(TokenKind::data, std::string(text), begin);
  }

  /// Behind the end mark of a tag: `-` strips white space, otherwise one line feed goes after
  /// blocks and comments.
  void after_tag(char mark, bool trims_line) {
    if (mark == '-') {
      const std::string_view rest = source_.substr(at_);
      at_ += rest.size() - unicode::strip_left(rest).size();
    } else if (mark != '+' && trims_line && follows("\n")) {
      ++at_;
    }
    line_start_ = at_ > 0 && source_[at_ - 1] == '\n';
  }

  void comment(std::size_t begin) {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) fail("a comment is not closed: '#}' is missing", begin);
    const char before = end > at_ ? source_[end - 1] : '\0';
    at_ = end + 2;
    after_tag(before == '-' || before == '+' ? before : '\0', true);
  }

  std::size_t skip_space(std::size_t at) const {
    const std::string_view rest = source_.substr(at);
    return at + rest.size() - unicode::strip_left(rest).size();
  }

  /// `{% raw %}`; moves behind the tag when that is what follows.
  bool raw_begins() {
    const std::size_t word = skip_space(at_);
    if (source_.substr(word, 3) != "raw") return false;
    const std::size_t end = skip_space(word + 3);
    const bool stripped = source_.substr(end, 3) == "-%}";
    if (!stripped && source_.substr(end, 2) != "%}") return false;
    at_ = end + (stripped ? 3 : 2);
    after_tag(stripped ? '-' : '\0', false);
    return true;
  }

  void raw(std::size_t begin) {
    for (std::size_t tag = source_.find("{%", at_); tag != std::string_view::npos;
         tag = source_.find("{%", tag + 1)) {
      std::size_t word = tag + 2;
      const char mark = word < source_.size() ? source_[word] : '\0';
      const bool has_mark = mark == '-' || mark == '+';
      word = skip_space(word + (has_mark ? 1 : 0));
      if (source_.substr(word, 6) != "endraw") continue;
      std::size_t end = skip_space(word + 6);
      const char end_mark = end < source_.size() ? source_[end] : '\0';
      const bool has_end_mark = end_mark == '-' || end_mark == '+';
      if (has_end_mark) ++end;
      if (source_.substr(end, 2) != "%}") continue;
      add_text(at_, tag, '%', has_mark ? mark : '\0');
      at_ = end + 2;
      after_tag(has_end_mark ? end_mark : '\0', true);
      return;
    }
    fail("a raw block is not closed: 'endraw' is missing", begin);
  }

  void tag(std::size_t begin, char kind) {
    const bool block = kind == '%';
    add(block ? TokenKind::block_begin : TokenKind::variable_begin, "", begin);
    brackets_.clear();
    while (!tag_ends(block)) {
      if (at_ >= source_.size())
        fail(block ? "a block tag is not closed: '%}' is missing"
                   : "an expression is not closed: '}}' is missing",
             begin);
      expression_token();
    }
  }

  bool tag_ends(bool block) {
    at_ = skip_space(at_);
    if (!brackets_.empty()) return false;
    const char mark = at_ < source_.size() ? source_[at_] : '\0';
    // `+}}` is no end of an expression: Jinja knows that mark for blocks only.
    const bool has_mark = mark == '-' || (mark == '+' && block);
    const std::string_view close = block ? "%}" : "}}";
    if (source_.substr(at_ + (has_mark ? 1 : 0), 2) != close) return false;
    add(block ? TokenKind::block_end : TokenKind::variable_end, "", at_);
    at_ += has_mark ? 3 : 2;
    after_tag(has_mark ? mark : '\0', block);
    return true;
  }

  void expression_token() {
    const char c = source_[at_];
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return string();
    const utf8::Decoded d = utf8::decode(source_, at_);
    if (d.code_point == '_' || unicode::is_alpha(d.code_point)) return name();
    symbol();
  }

  void name() {
    const std::size_t begin = at_;
    while (at_ < source_.size()) {
      const utf8::Decoded d = utf8::decode(source_, at_);
      if (d.code_point != '_' && !unicode::is_alpha(d.code_point) &&
          !unicode::is_numeric(d.code_point))
        break;
      at_ += d.length;
    }
    add(TokenKind::name, std::string(source_.substr(begin, at_ - begin)), begin);
  }

  /// Digits of a base with single underscores in between; returns them without.
  template <class IsDigit>
  std::string digits(IsDigit is) {
    std::string out;
    while (at_ < source_.size()) {
      const bool separated =
          source_[at_] == '_' && at_ + 1 < source_.size() && is(source_[at_ + 1]);
      if (separated) ++at_;
      if (!is(source_[at_])) break;
      out += source_[at_++];
    }
    return out;
  }

  void number() {
    const std::size_t begin = at_;
    if (source_[at_] == '0' && at_ + 1 < source_.size()) {
      const char letter = static_cast<char>(source_[at_ + 1] | 0x20);
      const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
      if (base != 10) return based_number(base, letter);
    }
    std::string text = digits(is_digit);
    TokenKind kind = TokenKind::integer;
    const bool after_dot = begin > 0 && source_[begin - 1] == '.';  // `x.0.1` are two indices
    if (!after_dot && follows(".") && at_ + 1 < source_.size() && is_digit(source_[at_ + 1])) {
      ++at_;
      text += "." + digits(is_digit);
      kind = TokenKind::floating;
    }
    if (!after_dot && exponent_follows()) {
      text += 'e';
      if (source_[++at_] == '-' || source_[at_] == '+') text += source_[at_++];
      text += digits(is_digit);
      kind = TokenKind::floating;
    }
    if (kind == TokenKind::integer && text.size() > 1 && text[0] == '0' &&
        text.find_first_not_of('0') != std::string::npos)
      fail("an integer must not begin with 0", begin);
    add(kind, std::move(text), begin);
  }

  bool exponent_follows() const {
    if (!follows("e") && !follows("E")) return false;
    std::size_t at = at_ + 1;
    if (at < source_.size() && (source_[at] == '-' || source_[at] == '+')) ++at;
    return at < source_.size() && is_digit(source_[at]);
  }

  void based_number(int base, char letter) {
    const std::size_t begin = at_;
    at_ += 2;
    std::string text = digits([&](char c) {
      const int digit = is_digit(c)                              ? c - '0'
                        : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                                 : 99;
      return digit < base;
    });
    if (text.empty()) fail("digits are missing behind the prefix of a number", begin);
    add(TokenKind::integer, std::string("0") + letter + text, begin);
  }

  void string() {
    const std::size_t begin = at_;
    const char quote = source_[at_++];
    while (at_ < source_.size() && source_[at_] != quote) at_ += source_[at_] == '\\' ? 2 : 1;
    if (at_ >= source_.size()) fail("a string is not closed", begin);
    const std::string_view body = source_.substr(begin + 1, at_ - begin - 1);
    ++at_;
    std::string error;
    std::string text = resolve_escapes(body, error);
    if (!error.empty()) fail(error, begin);
    add(TokenKind::string, std::move(text), begin);
  }

  void symbol() {
    const auto found = std::find_if(kSymbols.begin(), kSymbols.end(),
                                    [&](std::string_view text) { return follows(text); });
    if (found == kSymbols.end() || *found == "!") {
      const std::size_t width = unicode::width_at(source_, at_);
      fail("unexpected character '" + std::string(source_.substr(at_, width)) + "'", at_);
    }
    balance(found->front());
    add(TokenKind::symbol, std::string(*found), at_);
    at_ += found->size();
  }

  /// While a bracket is open, `}}` and `%}` do not end the tag.
  void balance(char c) {
    if (c == '(' || c == '[' || c == '{') {
      brackets_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (brackets_.empty()) fail(std::string("unexpected '") + c + "'", at_);
      if (brackets_.back() != c)
        fail(std::string("unexpected '") + c + "', expected '" + brackets_.back() + "'", at_);
      brackets_.pop_back();
    }
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool line_start_ = true;  // the next text begins at the start of a line
  std::string brackets_;    // closing brackets that are due, innermost last
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data:
      return "text";
    case TokenKind::block_begin:
      return "'{%'";
    case TokenKind::block_end:
      return "the end of the block tag";
    case TokenKind::variable_begin:
      return "'{{'";
    case TokenKind::variable_end:
      return "the end of the expression";
    case TokenKind::string:
      return "a string";
    case TokenKind::end:
      return "the end of the template";
    default:
      return "'" + token.text + "'";
  }
}

std::string normalized_source(std::string_view source) {
  const std::string valid = utf8::sanitized(source);
  std::string out;
  out.reserve(valid.size());
  for (std::size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] == '\r') {
      out += '\n';
      if (i + 1 < valid.size() && valid[i + 1] == '\n') ++i;
    } else {
      out += valid[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::pair<int, int> position(std::string_view source, std::uint32_t at) {
  const std::string_view before = source.substr(0, at);
  const std::size_t line_begin = before.rfind('\n') + 1;
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(unicode::count(before.substr(line_begin))) + 1};
}

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace llm::chat::jinja
