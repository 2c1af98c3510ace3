// The operators + - * / // % ** on numbers, and what they mean for strings and lists.
#include <cmath>
#include <limits>

#include "chat/jinja/big_integer.h"
#include "chat/jinja/format.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

// About 4900 digits; Python itself refuses to print more than 4300.
constexpr std::size_t kMostBits = 16384;

constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void refuse_operands(BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_undefined()) refuse("{}", a.undefined_reason());
  if (b.is_undefined()) refuse("{}", b.undefined_reason());
  const std::string_view sign = kSigns[static_cast<int>(op)];
  if (op == BinaryOperator::add && (a.is_string() || a.is_sequence()))
    refuse("can only concatenate {} (not \"{}\") to {}", type_name(a), type_name(b), type_name(a));
  refuse("unsupported operand type(s) for {}: '{}' and '{}'", sign, type_name(a), type_name(b));
}

void charge_bits(Runtime& runtime, std::size_t bits) {
  if (bits > kMostBits) refuse("the integer grows too large");
  runtime.step(bits / 32);
  runtime.charge(bits / 8);
}

Value power(Runtime& runtime, const BigInteger& base, std::int64_t exponent) {
  BigInteger result(1);
  BigInteger square = base;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) {
      charge_bits(runtime, result.bits() + square.bits());
      result = result * square;
    }
    if (exponent > 1) {
      charge_bits(runtime, 2 * square.bits());
      square = square * square;
    }
  }
  return make_integer(std::move(result));
}

Value big_arithmetic(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  const BigInteger x = to_big(a), y = to_big(b);
  charge_bits(runtime, std::max(x.bits(), y.bits()));
  switch (op) {
    case BinaryOperator::add:
      return make_integer(x + y);
    case BinaryOperator::subtract:
      return make_integer(x - y);
    case BinaryOperator::multiply:
      charge_bits(runtime, x.bits() + y.bits());
      return make_integer(x * y);
    default: {
      if (y.is_zero()) refuse("integer division or modulo by zero");
      runtime.step(x.bits() * (y.bits() / 32 + 1) / 16);
      BigInteger remainder;
      BigInteger quotient = BigInteger::divide_floor(x, y, &remainder);
      const bool wants_quotient = op == BinaryOperator::floor_divide;
      return make_integer(wants_quotient ? std::move(quotient) : std::move(remainder));
    }
  }
}

Value float_arithmetic(BinaryOperator op, double x, double y) {
  switch (op) {
    case BinaryOperator::add:
      return x + y;
    case BinaryOperator::subtract:
      return x - y;
    case BinaryOperator::multiply:
      return x * y;
    case BinaryOperator::divide:
      if (y == 0) refuse("division by zero");
      return x / y;
    case BinaryOperator::power:
      if (x == 0 && y < 0) refuse("0.0 cannot be raised to a negative power");
      if (x < 0 && y != std::floor(y)) refuse("a negative number to a fractional power");
      return std::pow(x, y);
    default: {
      if (y == 0) refuse("float division or modulo by zero");
      double rest = std::fmod(x, y);
      if (rest != 0 && (rest < 0) != (y < 0)) rest += y;
      if (op == BinaryOperator::modulo) return rest == 0 ? std::copysign(0.0, y) : rest;
      const double quotient = (x - rest) / y;
      return quotient == 0 ? std::copysign(0.0, x / y) : std::floor(quotient + 0.5);
    }
  }
}

Value small_arithmetic(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  const std::int64_t x = a.integer(), y = b.integer();
  std::int64_t result = 0;
  switch (op) {
    case BinaryOperator::add:
      if (!__builtin_add_overflow(x, y, &result)) return result;
      break;
    case BinaryOperator::subtract:
      if (!__builtin_sub_overflow(x, y, &result)) return result;
      break;
    case BinaryOperator::multiply:
      if (!__builtin_mul_overflow(x, y, &result)) return result;
      break;
    case BinaryOperator::floor_divide:
    case BinaryOperator::modulo: {
      if (y == 0) refuse("integer division or modulo by zero");
      if (y == -1) break;  // the lowest integer divided by -1 does not fit
      const bool inexact = x % y != 0 && (x < 0) != (y < 0);
      if (op == BinaryOperator::floor_divide) return x / y - (inexact ? 1 : 0);
      return x % y + (inexact ? y : 0);
    }
    default:
      break;
  }
  return big_arithmetic(runtime, op, a, b);
}

Value arithmetic(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  const bool integral = !a.is(Kind::floating) && !b.is(Kind::floating);
  if (!integral || op == BinaryOperator::divide)
    return float_arithmetic(op, to_double(a), to_double(b));
  if (op == BinaryOperator::power) {
    if (b.is(Kind::big_integer)) refuse("the integer grows too large");
    if (b.integer() < 0) return float_arithmetic(op, to_double(a), to_double(b));
    return power(runtime, to_big(a), b.integer());
  }
  if (a.is(Kind::big_integer) || b.is(Kind::big_integer)) return big_arithmetic(runtime, op, a, b);
  return small_arithmetic(runtime, op, a, b);
}

Value repeat(Runtime& runtime, const Value& what, const Value& times) {
  if (times.is(Kind::big_integer)) refuse("the repetition is too long");
  const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, times.integer()));
  if (what.is_string()) {
    const std::string& text = what.text();
    if (!text.empty() && count > std::numeric_limits<std::uint32_t>::max() / text.size())
      refuse("the repetition is too long");
    runtime.charge(text.size() * count);
    std::string out;
    out.reserve(text.size() * count);
    for (std::uint64_t i = 0; i < count && !text.empty(); ++i) out += text;
    return Value(std::move(out));
  }
  const auto& items = what.list().items;
  if (!items.empty() && count > std::numeric_limits<std::uint32_t>::max() / items.size())
    refuse("the repetition is too long");
  runtime.charge_items(items.size() * count);
  std::vector<Value> out;
  out.reserve(items.size() * count);
  for (std::uint64_t i = 0; i < count && !items.empty(); ++i)
    out.insert(out.end(), items.begin(), items.end());
  return what.is(Kind::tuple) ? make_tuple(std::move(out)) : make_list(std::move(out));
}

Value join(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_string()) {
    std::string out;
    runtime.charge(a.text().size() + b.text().size() + sizeof(Text));
    out.reserve(a.text().size() + b.text().size());
    out += a.text();
    out += b.text();
    return Value(std::move(out));
  }
  std::vector<Value> items;
  runtime.charge_items(a.list().items.size() + b.list().items.size());
  items.reserve(a.list().items.size() + b.list().items.size());
  items.insert(items.end(), a.list().items.begin(), a.list().items.end());
  items.insert(items.end(), b.list().items.begin(), b.list().items.end());
  return a.is(Kind::tuple) ? make_tuple(std::move(items)) : make_list(std::move(items));
}

bool can_be_repeated(const Value& value) {
  return value.is_string() || value.is_sequence();
}
bool is_count(const Value& value) {
  return value.is_integer() || value.is(Kind::boolean);
}

}  // namespace

Value binary(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return arithmetic(runtime, op, a, b);
  switch (op) {
    case BinaryOperator::add:
      if (a.kind() == b.kind() && can_be_repeated(a)) return join(runtime, a, b);
      break;
    case BinaryOperator::multiply:
      if (can_be_repeated(a) && is_count(b)) return repeat(runtime, a, b);
      if (is_count(a) && can_be_repeated(b)) return repeat(runtime, b, a);
      break;
    case BinaryOperator::modulo:
      if (a.is_string()) return runtime.text(format_percent(runtime, a.text(), b));
      break;
    default:
      break;
  }
  refuse_operands(op, a, b);
}

Value negative(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::floating:
      return -value.floating();
    case Kind::boolean:
    case Kind::integer:
    case Kind::big_integer:
      return arithmetic(runtime, BinaryOperator::subtract, Value(0), value);
    case Kind::undefined:
      refuse("{}", value.undefined_reason());
    default:
      refuse("bad operand type for unary -: '{}'", type_name(value));
  }
}

Value positive(Runtime&, const Value& value) {
  if (value.is_undefined()) refuse("{}", value.undefined_reason());
  if (value.is(Kind::boolean)) return value.integer();
  if (!value.is_number()) refuse("bad operand type for unary +: '{}'", type_name(value));
  return value;
}

}  // namespace llm::chat::jinja
