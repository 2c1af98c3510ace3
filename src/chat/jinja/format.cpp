#include "chat/jinja/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "chat/jinja/big_integer.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

// Digits behind the point that printf is asked for at most.
constexpr std::int64_t kMostDigits = 400;

std::string digits_in_base(const BigInteger& magnitude, char type) {
  if (type == 0 || type == 'd' || type == 'n') return magnitude.to_string();
  const int base = type == 'b' ? 2 : type == 'o' ? 8 : 16;
  const std::string_view alphabet = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  BigInteger rest = magnitude;
  do {
    BigInteger digit;
    rest = BigInteger::divide_floor(rest, BigInteger(base), &digit);
    digits += alphabet[static_cast<std::size_t>(*digit.to_int64())];
  } while (!rest.is_zero());
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string base_prefix(char type) {
  switch (type) {
    case 'b':
    case 'o':
    case 'x':
    case 'X':
      return std::string("0") + type;
    default:
      return {};
  }
}

/// Separators into the integral digits of `number`.
std::string grouped(const std::string& number, const FormatSpec& spec) {
  if (spec.grouping == 0) return number;
  const std::size_t every = base_prefix(spec.type).empty() ? 3 : 4;
  std::size_t end = 0;
  while (end < number.size() && std::isxdigit(static_cast<unsigned char>(number[end]))) {
    if (every == 3 && (number[end] == 'e' || number[end] == 'E')) break;
    ++end;
  }
  std::string out;
  for (std::size_t i = 0; i < end; ++i) {
    if (i != 0 && (end - i) % every == 0) out += spec.grouping;
    out += number[i];
  }
  return out + number.substr(end);
}

std::string printed(double magnitude, char type, std::int64_t precision, bool alternate) {
  const std::string pattern = std::string(alternate ? "%#.*" : "%.*") + type;
  const int digits = static_cast<int>(std::clamp<std::int64_t>(precision, 0, kMostDigits));
  const int size = std::snprintf(nullptr, 0, pattern.c_str(), digits, magnitude);
  std::string out(static_cast<std::size_t>(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), pattern.c_str(), digits, magnitude);
  out.pop_back();
  return out;
}

std::string float_digits(double magnitude, const FormatSpec& spec) {
  const std::int64_t precision = spec.precision < 0 ? 6 : spec.precision;
  switch (spec.type) {
    case '%':
      return printed(magnitude * 100, 'f', precision, spec.alternate) + "%";
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return printed(magnitude, spec.type, precision, spec.alternate);
    case 'n':
      return printed(magnitude, 'g', precision, spec.alternate);
    default: {  // no type: like g, but shortest without a precision, and always a float
      if (spec.precision < 0) return float_text(magnitude);
      std::string out = printed(magnitude, 'g', spec.precision, spec.alternate);
      if (out.find_first_not_of("0123456789") == std::string::npos) out += ".0";
      return out;
    }
  }
}

/// Sign and prefix stay in front of a fill that is aligned with '='.
std::string laid_out(Runtime& runtime, const std::string& front, const std::string& digits,
                     const FormatSpec& spec) {
  if (spec.align != '=')
    return pad(runtime, front + digits, spec.width, spec.align ? spec.align : '>', spec.fill);
  const auto width = spec.width - static_cast<std::int64_t>(front.size());
  return front + pad(runtime, digits, width, '>', spec.fill);
}

std::string sign_of(bool negative, const FormatSpec& spec) {
  if (negative) return "-";
  return spec.sign == '-' ? "" : std::string(1, spec.sign);
}

std::string format_integer(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  BigInteger number = to_big(value);
  if (spec.type == 'c') {
    const auto code = number.to_int64();
    if (!code || *code < 0 || *code > 0x10FFFF) refuse("%c arg not in range(0x110000)");
    std::string character;
    utf8::append(character, static_cast<char32_t>(*code));
    return pad(runtime, character, spec.width, spec.align ? spec.align : '<', spec.fill);
  }
  const bool negative = number.is_negative();
  if (negative) number = -number;
  std::string front = sign_of(negative, spec);
  if (spec.alternate) front += base_prefix(spec.type);
  return laid_out(runtime, front, grouped(digits_in_base(number, spec.type), spec), spec);
}

std::string format_float(Runtime& runtime, double value, const FormatSpec& spec) {
  const bool upper = spec.type == 'E' || spec.type == 'F' || spec.type == 'G';
  std::string digits;
  if (std::isnan(value)) {
    digits = upper ? "NAN" : "nan";
  } else if (std::isinf(value)) {
    digits = upper ? "INF" : "inf";
  } else {
    digits = grouped(float_digits(std::fabs(value), spec), spec);
  }
  return laid_out(runtime, sign_of(std::signbit(value) && !std::isnan(value), spec), digits, spec);
}

std::string format_text(Runtime& runtime, const std::string& text, const FormatSpec& spec) {
  std::string_view shown = text;
  if (spec.precision >= 0)
    shown = shown.substr(0, unicode::offset_of(shown, static_cast<std::size_t>(spec.precision)));
  if (spec.align == '=') refuse("'=' alignment is not allowed in a string format");
  return pad(runtime, shown, spec.width, spec.align ? spec.align : '<', spec.fill);
}

}  // namespace

std::string pad(Runtime& runtime, std::string_view text, std::int64_t width, char align,
                char32_t fill) {
  const auto size = static_cast<std::int64_t>(unicode::count(text));
  if (width <= size) return std::string(text);
  std::string unit;
  utf8::append(unit, fill);
  const std::int64_t missing = width - size;
  if (missing > (std::int64_t{1} << 32)) refuse("the width {} is too large", width);
  runtime.charge(text.size() + unit.size() * static_cast<std::uint64_t>(missing));
  const std::int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out;
  out.reserve(text.size() + unit.size() * static_cast<std::size_t>(missing));
  for (std::int64_t i = 0; i < left; ++i) out += unit;
  out += text;
  for (std::int64_t i = left; i < missing; ++i) out += unit;
  return out;
}

std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  const std::string_view types = "bcdoxXneEfFgG%";
  const bool integral = value.is_integer() || value.is(Kind::boolean);
  if (value.is_number() && (spec.type == 0 || types.find(spec.type) != std::string_view::npos)) {
    if (value.is(Kind::boolean) && spec.type == 0)
      return format_text(runtime, value.boolean() ? "True" : "False", spec);
    if (integral &&
        (spec.type == 0 || std::string_view("bcdoxXn").find(spec.type) != std::string_view::npos))
      return format_integer(runtime, value, spec);
    if (!integral && spec.type != 0 &&
        std::string_view("bcdoxX").find(spec.type) != std::string_view::npos)
      refuse("unknown format code '{}' for a float", spec.type);
    return format_float(runtime, to_double(value), spec);
  }
  if (spec.type != 0 && spec.type != 's')
    refuse("unknown format code '{}' for a value of type '{}'", spec.type, type_name(value));
  return format_text(runtime, to_text(runtime, value), spec);
}

}  // namespace llm::chat::jinja
