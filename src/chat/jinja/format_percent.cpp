// `'%-5s|%04d' % (a, b)`
#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "chat/jinja/big_integer.h"
#include "chat/jinja/format.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, std::string_view format, const Value& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {}

  std::string run() {
    while (at_ < format_.size()) {
      const char c = format_[at_++];
      if (c != '%') {
        out_ += c;
      } else if (at_ < format_.size() && format_[at_] == '%') {
        out_ += '%';
        ++at_;
      } else {
        out_ += conversion();
      }
    }
    // A dict need not be used up; neither need a list, by an accident of Python's.
    const bool named =
        arguments_.is(Kind::dict) || arguments_.is(Kind::list) || arguments_.is(Kind::range);
    const std::size_t given = arguments_.is(Kind::tuple) ? arguments_.list().items.size() : 1;
    if (!named && used_ < given) refuse("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  std::string conversion() {
    const Value* named = name();
    FormatSpec spec;
    flags(spec);
    spec.width = number(spec.width);
    if (spec.width < 0) {
      spec.align = '<';
      spec.width = -spec.width;
    }
    if (peek() == '.') {
      ++at_;
      spec.precision = std::max<std::int64_t>(0, number(0));
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    if (at_ >= format_.size()) refuse("incomplete format");
    const char type = format_[at_++];
    return convert(type, named ? *named : next(), spec);
  }

  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  /// `(name)` picks a value out of a dict.
  const Value* name() {
    if (peek() != '(') return nullptr;
    const std::size_t end = format_.find(')', at_);
    if (end == std::string_view::npos) refuse("incomplete format key");
    const std::string_view key = format_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (!arguments_.is(Kind::dict)) refuse("format requires a mapping");
    const Value* value = arguments_.dict().find(key);
    if (!value) refuse("the format names '{}', which is not given", key);
    return value;
  }

  void flags(FormatSpec& spec) {
    bool zero = false;
    for (;; ++at_) {
      const char c = peek();
      if (c == '-') {
        spec.align = '<';
      } else if (c == '+') {
        spec.sign = '+';
      } else if (c == ' ') {
        if (spec.sign == '-') spec.sign = ' ';
      } else if (c == '#') {
        spec.alternate = true;
      } else if (c == '0') {
        zero = true;
      } else {
        break;
      }
    }
    if (zero && spec.align == 0) {
      spec.align = '=';
      spec.fill = '0';
    }
  }

  std::int64_t number(std::int64_t otherwise) {
    if (peek() == '*') {
      ++at_;
      const Value& value = next();
      if (!value.is(Kind::integer)) refuse("* wants int");
      return value.integer();
    }
    if (peek() < '0' || peek() > '9') return otherwise;
    std::int64_t result = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      result = result * 10 + (peek() - '0');
      if (result > std::int64_t{1} << 32) refuse("the width or precision is too large");
    }
    return result;
  }

  const Value& next() {
    if (arguments_.is(Kind::tuple)) {
      const auto& items = arguments_.list().items;
      if (used_ >= items.size()) refuse("not enough arguments for format string");
      return items[used_++];
    }
    if (used_++ > 0) refuse("not enough arguments for format string");
    return arguments_;
  }

  std::string convert(char type, const Value& value, FormatSpec spec) {
    switch (type) {
      case 's':
      case 'r':
      case 'a':
        return convert_text(type == 's' ? to_text(runtime_, value) : repr(runtime_, value), spec);
      case 'd':
      case 'i':
      case 'u':
        return convert_integer('d', value, spec);
      case 'x':
      case 'X':
      case 'o':
        if (!value.is_integer() && !value.is(Kind::boolean))
          refuse("%{} format: an integer is required, not {}", type, type_name(value));
        return convert_integer(type, value, spec);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) refuse("must be real number, not {}", type_name(value));
        spec.type = type;
        return format_value(runtime_, to_double(value), spec);
      case 'c':
        return convert_character(value, spec);
      default:
        refuse("unsupported format character '{}'", type);
    }
  }

  std::string convert_text(const std::string& text, FormatSpec spec) {
    if (spec.align != '<') spec.align = '>';
    spec.fill = ' ';
    std::string_view shown = text;
    if (spec.precision >= 0)
      shown = shown.substr(0, unicode::offset_of(shown, static_cast<std::size_t>(spec.precision)));
    return pad(runtime_, shown, spec.width, spec.align, spec.fill);
  }

  std::string convert_integer(char type, const Value& value, FormatSpec spec) {
    if (!value.is_number())
      refuse("%d format: a real number is required, not {}", type_name(value));
    Value integral = value;
    if (value.is(Kind::floating)) {
      if (!std::isfinite(value.floating()))
        refuse("cannot convert float infinity or NaN to integer");
      integral = make_integer(BigInteger::from_double(value.floating()));
    }
    const std::int64_t least_digits = spec.precision;
    spec.precision = -1;
    spec.type = type;
    if (least_digits <= 0) return format_value(runtime_, integral, spec);
    FormatSpec digits = spec;  // a precision of integers is the least number of digits
    digits.align = '=';
    digits.fill = '0';
    const bool negative = truth(integral) && to_big(integral).is_negative();
    const int signs = negative || spec.sign != '-' ? 1 : 0;
    const int prefix = spec.alternate && type != 'd' ? 2 : 0;
    digits.width = least_digits + signs + prefix;
    return pad(runtime_, format_value(runtime_, integral, digits), spec.width,
               spec.align == '<' ? '<' : '>', ' ');
  }

  std::string convert_character(const Value& value, FormatSpec spec) {
    if (spec.align != '<') spec.align = '>';
    spec.fill = ' ';
    if (value.is_string()) {
      if (unicode::count(value.text()) != 1) refuse("%c requires int or char");
      return pad(runtime_, value.text(), spec.width, spec.align, spec.fill);
    }
    if (!value.is_integer()) refuse("%c requires int or char");
    spec.type = 'c';
    return format_value(runtime_, value, spec);
  }

  Runtime& runtime_;
  std::string_view format_;
  const Value& arguments_;
  std::string out_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
};

}  // namespace

std::string format_percent(Runtime& runtime, std::string_view format, const Value& arguments) {
  return PercentFormatter(runtime, format, arguments).run();
}

}  // namespace llm::chat::jinja
