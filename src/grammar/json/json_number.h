// Numbers between bounds, exact in decimal, as automata over their text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "grammar/regex/dfa.h"

namespace llm::grammar {

/// A number by its digits: no leading zeros before the point, none at the end behind it.
struct Decimal {
  bool negative = false;
  std::string integer = "0", fraction;

  bool is_zero() const { return integer == "0" && fraction.empty(); }
};

/// Nothing for what is not a number or has more than a few dozen digits.
std::optional<Decimal> decimal_of(const Json& number);
/// Below, equal, above: negative, 0, positive.
int compare(const Decimal& a, const Decimal& b);

struct Bound {
  Decimal value;
  bool exclusive = false;
};

struct NumberShape {
  bool integer = false;  // neither fraction nor exponent
  std::optional<Bound> minimum, maximum;
  std::vector<Decimal> multiples_of;

  bool is_plain() const { return !minimum && !maximum && multiples_of.empty(); }
  /// Keeps the narrower of two bounds.
  void raise_minimum(const Bound& bound);
  void lower_maximum(const Bound& bound);
};

/// Without exponents, and "-0" is left out. Throws TooComplex for multiples of large numbers.
Dfa number_dfa(const NumberShape& shape);
/// Whether the value of `number` fits.
bool fits(const NumberShape& shape, const Json& number);

}  // namespace llm::grammar
