#include "chat/jinja/string_literal.h"

#include <optional>

#include "base/utf8.h"

namespace llm::chat::jinja {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class EscapeReader {
 public:
  EscapeReader(std::string_view body, std::string& error) : body_(body), error_(error) {}

  std::string run() {
    while (at_ < body_.size()) {
      const char c = body_[at_++];
      if (c != '\\' || at_ == body_.size()) {
        out_ += c;
      } else {
        escape(body_[at_++]);
      }
    }
    return std::move(out_);
  }

 private:
  void escape(char c) {
    constexpr std::string_view kLetters = "abfnrtv\\'\"";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    if (const std::size_t i = kLetters.find(c); i != std::string_view::npos) {
      out_ += kMeanings[i];
    } else if (c == '\n') {
      return;  // a line that goes on
    } else if (c == 'x') {
      append(hex(2));
    } else if (c == 'u') {
      append(joined_surrogates(hex(4)));
    } else if (c == 'U') {
      append(hex(8));
    } else if (c >= '0' && c <= '7') {
      octal(c);
    } else {
      out_ += '\\';
      out_ += c;
    }
  }

  std::optional<char32_t> hex(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      const int digit = at_ < body_.size() ? hex_digit(body_[at_]) : -1;
      if (digit < 0) {
        error_ = "an escape in a string lacks hexadecimal digits";
        return std::nullopt;
      }
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  }

  /// Two escapes that stand for one character beyond U+FFFF, as JSON writes them.
  std::optional<char32_t> joined_surrogates(std::optional<char32_t> high) {
    if (!high || *high < 0xD800 || *high > 0xDBFF || body_.substr(at_, 2) != "\\u") return high;
    const std::size_t before = at_;
    at_ += 2;
    const auto low = hex(4);
    if (low && *low >= 0xDC00 && *low <= 0xDFFF)
      return 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
    at_ = before;
    return high;
  }

  void octal(char first) {
    char32_t value = static_cast<char32_t>(first - '0');
    for (int i = 0; i < 2 && at_ < body_.size() && body_[at_] >= '0' && body_[at_] <= '7'; ++i)
      value = value * 8 + static_cast<char32_t>(body_[at_++] - '0');
    append(value);
  }

  void append(std::optional<char32_t> c) {
    if (!c) return;
    const bool surrogate = *c >= 0xD800 && *c <= 0xDFFF;
    utf8::append(out_, surrogate || *c > 0x10FFFF ? 0xFFFD : *c);
  }

  std::string_view body_;
  std::string& error_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string resolve_escapes(std::string_view body, std::string& error) {
  return EscapeReader(body, error).run();
}

}  // namespace llm::chat::jinja
