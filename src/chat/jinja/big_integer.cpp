#include "chat/jinja/big_integer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace llm::chat::jinja {

BigInteger::BigInteger(std::int64_t value) {
  const auto magnitude =
      value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  *this = from_unsigned(magnitude);
  negative_ = value < 0;
}

BigInteger BigInteger::from_unsigned(std::uint64_t value) {
  BigInteger result;
  for (; value != 0; value >>= 32) result.limbs_.push_back(static_cast<std::uint32_t>(value));
  return result;
}

std::optional<BigInteger> BigInteger::parse(std::string_view digits, unsigned base) {
  if (digits.empty()) return std::nullopt;
  BigInteger result;
  for (const char c : digits) {
    unsigned digit = 99;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'z') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') digit = c - 'A' + 10;
    if (digit >= base) return std::nullopt;
    std::uint64_t carry = digit;
    for (std::uint32_t& limb : result.limbs_) {
      carry += std::uint64_t{limb} * base;
      limb = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) result.limbs_.push_back(static_cast<std::uint32_t>(carry));
  }
  return result;
}

BigInteger BigInteger::from_double(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(std::trunc(value)), &exponent);
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  exponent -= 53;
  BigInteger result = from_unsigned(exponent < 0 ? mantissa >> std::min(-exponent, 63) : mantissa);
  if (exponent > 0) {
    BigInteger power(1);
    for (; exponent >= 31; exponent -= 31) power = power * BigInteger(std::int64_t{1} << 31);
    result = result * power * BigInteger(std::int64_t{1} << exponent);
  }
  result.negative_ = value < 0 && !result.is_zero();
  return result;
}

std::optional<std::int64_t> BigInteger::to_int64() const {
  if (limbs_.size() > 2) return std::nullopt;
  std::uint64_t magnitude = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) magnitude = magnitude << 32 | limbs_[i];
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude > kMax + (negative_ ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative_ ? ~magnitude + 1 : magnitude);
}

double BigInteger::to_double() const {
  double result = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) result = result * 4294967296.0 + limbs_[i];
  return negative_ ? -result : result;
}

std::string BigInteger::to_string() const {
  if (limbs_.empty()) return "0";
  std::string digits;
  for (Limbs rest = limbs_; !rest.empty();) {
    std::uint32_t nine = divide_small(rest, 1000000000);
    for (int i = 0; i < 9 && (nine != 0 || !rest.empty()); ++i, nine /= 10)
      digits.push_back(static_cast<char>('0' + nine % 10));
  }
  if (negative_) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

BigInteger BigInteger::operator-() const {
  BigInteger result = *this;
  result.negative_ = !negative_ && !limbs_.empty();
  return result;
}

BigInteger operator+(const BigInteger& a, const BigInteger& b) {
  BigInteger result;
  if (a.negative_ == b.negative_) {
    result.limbs_ = BigInteger::add(a.limbs_, b.limbs_);
    result.negative_ = a.negative_;
  } else if (BigInteger::compare_magnitude(a.limbs_, b.limbs_) >= 0) {
    result.limbs_ = BigInteger::subtract(a.limbs_, b.limbs_);
    result.negative_ = a.negative_ && !result.limbs_.empty();
  } else {
    result.limbs_ = BigInteger::subtract(b.limbs_, a.limbs_);
    result.negative_ = b.negative_;
  }
  return result;
}

BigInteger operator-(const BigInteger& a, const BigInteger& b) {
  return a + -b;
}

BigInteger operator*(const BigInteger& a, const BigInteger& b) {
  BigInteger result;
  result.limbs_.assign(a.limbs_.size() + b.limbs_.size(), 0);
  for (std::size_t i = 0; i < a.limbs_.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.limbs_.size(); ++j) {
      carry += std::uint64_t{a.limbs_[i]} * b.limbs_[j] + result.limbs_[i + j];
      result.limbs_[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    result.limbs_[i + b.limbs_.size()] = static_cast<std::uint32_t>(carry);
  }
  BigInteger::trim(result.limbs_);
  result.negative_ = a.negative_ != b.negative_ && !result.limbs_.empty();
  return result;
}

BigInteger BigInteger::divide_floor(const BigInteger& a, const BigInteger& b,
                                    BigInteger* remainder) {
  BigInteger quotient, rest;
  quotient.limbs_ = divide(a.limbs_, b.limbs_, rest.limbs_);
  quotient.negative_ = a.negative_ != b.negative_ && !quotient.limbs_.empty();
  rest.negative_ = a.negative_ && !rest.limbs_.empty();
  if (!rest.is_zero() && a.negative_ != b.negative_) {
    quotient = quotient - BigInteger(1);
    rest = rest + b;
  }
  if (remainder) *remainder = std::move(rest);
  return quotient;
}

int BigInteger::compare(const BigInteger& a, const BigInteger& b) {
  if (a.negative_ != b.negative_) return a.negative_ ? -1 : 1;
  const int order = compare_magnitude(a.limbs_, b.limbs_);
  return a.negative_ ? -order : order;
}

int BigInteger::compare_magnitude(const Limbs& a, const Limbs& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (std::size_t i = a.size(); i-- > 0;)
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  return 0;
}

BigInteger::Limbs BigInteger::add(const Limbs& a, const Limbs& b) {
  const Limbs& longer = a.size() >= b.size() ? a : b;
  const Limbs& shorter = a.size() >= b.size() ? b : a;
  Limbs sum;
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < longer.size(); ++i) {
    carry += std::uint64_t{longer[i]} + (i < shorter.size() ? shorter[i] : 0);
    sum.push_back(static_cast<std::uint32_t>(carry));
    carry >>= 32;
  }
  if (carry != 0) sum.push_back(static_cast<std::uint32_t>(carry));
  return sum;
}

BigInteger::Limbs BigInteger::subtract(const Limbs& a, const Limbs& b) {
  Limbs difference;
  std::int64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::int64_t digit = std::int64_t{a[i]} - (i < b.size() ? b[i] : 0) - borrow;
    borrow = digit < 0 ? 1 : 0;
    if (digit < 0) digit += std::int64_t{1} << 32;
    difference.push_back(static_cast<std::uint32_t>(digit));
  }
  trim(difference);
  return difference;
}

std::uint32_t BigInteger::divide_small(Limbs& a, std::uint32_t divisor) {
  std::uint64_t rest = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    rest = rest << 32 | a[i];
    a[i] = static_cast<std::uint32_t>(rest / divisor);
    rest %= divisor;
  }
  trim(a);
  return static_cast<std::uint32_t>(rest);
}

/// Bit by bit: slow and plain, for numbers of a few hundred bits.
BigInteger::Limbs BigInteger::divide(const Limbs& a, const Limbs& b, Limbs& remainder) {
  remainder.clear();
  Limbs quotient(a.size(), 0);
  for (std::size_t i = a.size(); i-- > 0;) {
    for (int bit = 31; bit >= 0; --bit) {
      std::uint32_t carry = a[i] >> bit & 1;
      for (std::uint32_t& limb : remainder) {
        const std::uint32_t top = limb >> 31;
        limb = limb << 1 | carry;
        carry = top;
      }
      if (carry != 0) remainder.push_back(carry);
      if (compare_magnitude(remainder, b) < 0) continue;
      remainder = subtract(remainder, b);
      quotient[i] |= std::uint32_t{1} << bit;
    }
  }
  trim(quotient);
  return quotient;
}

void BigInteger::trim(Limbs& limbs) {
  while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
}

Value make_integer(BigInteger value) {
  if (const auto small = value.to_int64()) return *small;
  return Value(Kind::big_integer, std::make_shared<BigNumber>(std::move(value)));
}

BigInteger to_big(const Value& value) {
  return value.is(Kind::big_integer) ? value.big() : BigInteger(value.integer());
}

}  // namespace llm::chat::jinja
