// Integers beyond 64 bits: Python's have no limit, and templates that overflow must not wrap.
// Rare and small, so schoolbook arithmetic does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/value.h"

namespace llm::chat::jinja {

class BigInteger {
 public:
  BigInteger() = default;
  explicit BigInteger(std::int64_t value);
  static BigInteger from_unsigned(std::uint64_t value);
  /// Digits of `base` 2..36 without sign; nullopt when there are others or none.
  static std::optional<BigInteger> parse(std::string_view digits, unsigned base = 10);
  /// The integral part of a finite number.
  static BigInteger from_double(double value);

  bool is_zero() const { return limbs_.empty(); }
  bool is_negative() const { return negative_; }
  std::size_t bits() const { return limbs_.size() * 32; }  // an upper bound
  std::optional<std::int64_t> to_int64() const;
  double to_double() const;  // infinity when out of range
  std::string to_string() const;

  BigInteger operator-() const;
  friend BigInteger operator+(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator-(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator*(const BigInteger& a, const BigInteger& b);
  /// Rounds towards minus infinity, as Python does; the remainder has the divisor's sign.
  static BigInteger divide_floor(const BigInteger& a, const BigInteger& b, BigInteger* remainder);
  /// -1, 0, 1
  static int compare(const BigInteger& a, const BigInteger& b);

 private:
  using Limbs = std::vector<std::uint32_t>;  // least significant first, no zeros on top
  static int compare_magnitude(const Limbs& a, const Limbs& b);
  static Limbs add(const Limbs& a, const Limbs& b);
  static Limbs subtract(const Limbs& a, const Limbs& b);  // a >= b
  static Limbs divide(const Limbs& a, const Limbs& b, Limbs& remainder);
  static std::uint32_t divide_small(Limbs& a, std::uint32_t divisor);
  static void trim(Limbs& limbs);

  Limbs limbs_;
  bool negative_ = false;
};

struct BigNumber final : Object {
  explicit BigNumber(BigInteger number) : value(std::move(number)) {}
  const BigInteger value;
};

/// An integer or, when it does not fit 64 bits, a big integer.
Value make_integer(BigInteger value);
/// Of any integer value or boolean.
BigInteger to_big(const Value& value);

}  // namespace llm::chat::jinja
