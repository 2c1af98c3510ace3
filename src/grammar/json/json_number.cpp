#include "grammar/json/json_number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

namespace llm::grammar {
namespace {

constexpr int kMaxDecimalDigits = 40;

std::string stripped_front(const std::string& digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}
std::string stripped_back(const std::string& digits) {
  return digits.substr(0, digits.find_last_not_of('0') + 1);
}

int order(int difference) {
  return (difference > 0) - (difference < 0);
}

int compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.integer.size() != b.integer.size()) return a.integer.size() < b.integer.size() ? -1 : 1;
  const int whole = a.integer.compare(b.integer);
  return order(whole != 0 ? whole : a.fraction.compare(b.fraction));
}

/// A bound on the digits behind the sign.
using Limit = std::optional<Bound>;

struct Modulus {
  long value = 1;  // the number times 10^scale is a multiple of it
  int scale = 0;
};

Modulus modulus_of(const std::vector<Decimal>& multiples) {
  constexpr long kMaxModulus = 1000;
  Modulus out;
  std::vector<std::pair<long, int>> parts;
  for (const Decimal& multiple : multiples) {
    const std::string digits = multiple.integer + multiple.fraction;
    long value = 0;
    const auto end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, value).ptr != end || value <= 0) {
      throw TooComplex("such multiples are not supported");
    }
    parts.emplace_back(value, static_cast<int>(multiple.fraction.size()));
    out.scale = std::max(out.scale, parts.back().second);
  }
  for (auto [value, scale] : parts) {
    for (; scale < out.scale && value <= 1'000'000'000; ++scale) value *= 10;
    if (value > 1'000'000'000) throw TooComplex("such multiples are not supported");
    out.value = std::lcm(out.value, value);
    if (out.value > 1'000'000'000) throw TooComplex("such multiples are not supported");
  }
  // 0.01 is any number with two digits, 500 a multiple of 5 and two zeros.
  while (out.value % 10 == 0 && out.scale > 0) {
    out.value /= 10;
    --out.scale;
  }
  if (out.value > kMaxModulus) throw TooComplex("multiples of so large a number");
  return out;
}

enum class Phase { start, minus, zero, digits, point, fraction };

struct State {
  Phase phase = Phase::start;
  bool negative = false;
  int count = 0;          // digits of this part
  int low = 0, high = 0;  // the digits so far against those of the limits
  long rest = 0;          // modulo

  auto key() const { return std::tuple(phase, negative, count, low, high, rest); }
  bool operator<(const State& other) const { return key() < other.key(); }
};

class NumberBuilder {
 public:
  explicit NumberBuilder(const NumberShape& shape)
      : shape_(shape), modulus_(modulus_of(shape.multiples_of)) {
    has_modulus_ = !shape.multiples_of.empty();
    for (const bool negative : {false, true}) set_limits(negative);
  }

  Dfa build() {
    place_of({});
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const State state = states_[i];
      dfa_.states[i].accepts = accepts(state);
      std::vector<Dfa::Edge> edges;
      if (state.phase == Phase::start && is_possible_[1]) {
        State next = state;
        next.phase = Phase::minus;
        next.negative = true;
        edges.push_back({'-', '-', place_of(next)});
      }
      if (can_have_point(state)) {
        State next = at_point(state);
        edges.push_back({'.', '.', place_of(next)});
      }
      for (int digit = 0; digit < 10; ++digit) {
        State next = state;
        if (!read(next, digit)) continue;
        const auto c = static_cast<char32_t>('0' + digit);
        edges.push_back({c, c, place_of(next)});
      }
      dfa_.states[i].edges = std::move(edges);
    }
    return minimized(trimmed(dfa_));
  }

 private:
  void set_limits(bool negative) {
    Limit& low = low_[negative];
    Limit& high = high_[negative];
    bool possible = true;
    // Of the magnitude: the lower limit of -x is the maximum of x.
    const Limit& near = negative ? shape_.maximum : shape_.minimum;
    const Limit& far = negative ? shape_.minimum : shape_.maximum;
    if (near && near->value.negative == negative) low = near;
    if (near && negative && near->value.is_zero()) low.reset();
    if (far) {
      if (far->value.negative == negative || far->value.is_zero()) {
        high = far;
      } else {
        possible = false;
      }
    }
    if (negative && !low) low = Bound{Decimal{}, true};
    is_possible_[negative] = possible;
    const std::size_t low_digits = low ? low->value.integer.size() + 1 : 0;
    max_digits_[negative] = static_cast<int>(
        high ? high->value.integer.size()
             : std::max(low_digits, static_cast<std::size_t>(JsonText::kMaxDigits)));
    if (has_modulus_ && !high) {
      // A state for each rest and number of digits: fewer digits where there are many rests.
      constexpr long kMaxRests = 4000;
      const int digits = static_cast<int>(std::max(6L, kMaxRests / modulus_.value));
      max_digits_[negative] =
          std::min(max_digits_[negative], std::max(digits, static_cast<int>(low_digits)));
    }
    std::size_t fraction = JsonText::kMaxDigits;
    for (const Limit* limit : {&low, &high}) {
      if (*limit) fraction = std::max(fraction, (*limit)->value.fraction.size() + 1);
    }
    if (has_modulus_) fraction = static_cast<std::size_t>(std::max(1, modulus_.scale));
    max_fraction_[negative] = static_cast<int>(fraction);
  }

  int place_of(const State& state) {
    const auto [place, is_new] = places_.emplace(state, static_cast<int>(states_.size()));
    if (is_new) {
      if (states_.size() >= Dfa::kMaxStates) throw TooComplex("too many numbers to tell apart");
      states_.push_back(state);
      dfa_.states.emplace_back();
    }
    return place->second;
  }

  static int digit_at(const std::string& digits, int at) {
    return at < static_cast<int>(digits.size()) ? digits[static_cast<std::size_t>(at)] - '0' : 0;
  }

  bool read(State& state, int digit) const {
    const bool negative = state.negative;
    switch (state.phase) {
      case Phase::start:
        if (!is_possible_[0]) return false;
        [[fallthrough]];
      case Phase::minus:
        state.phase = digit == 0 ? Phase::zero : Phase::digits;
        break;
      case Phase::digits:
        if (state.count >= max_digits_[negative]) return false;
        break;
      case Phase::point:
      case Phase::fraction:
        if (state.count >= max_fraction_[negative]) return false;
        state.phase = Phase::fraction;
        break;
      case Phase::zero:
        return false;
    }
    const bool whole = state.phase != Phase::fraction;
    const auto step = [&](int& side, const Limit& limit) {
      if (!limit || side != 0) return;
      const std::string& digits = whole ? limit->value.integer : limit->value.fraction;
      if (whole && state.count >= static_cast<int>(digits.size())) return;
      side = order(digit - digit_at(digits, state.count));
    };
    step(state.low, low_[negative]);
    step(state.high, high_[negative]);
    if (has_modulus_) {
      if (!whole && state.count >= modulus_.scale) {
        if (digit != 0) return false;
      } else {
        state.rest = (state.rest * 10 + digit) % modulus_.value;
      }
    }
    ++state.count;
    return true;
  }

  bool can_have_point(const State& state) const {
    return !shape_.integer && (state.phase == Phase::zero || state.phase == Phase::digits);
  }

  /// The sides as they stand when the whole part has ended.
  int whole_side(int side, int count, const Limit& limit) const {
    if (!limit) return side;
    const int length = static_cast<int>(limit->value.integer.size());
    return count != length ? order(count - length) : side;
  }

  State at_point(State state) const {
    state.low = whole_side(state.low, state.count, low_[state.negative]);
    state.high = whole_side(state.high, state.count, high_[state.negative]);
    state.phase = Phase::point;
    state.count = 0;
    return state;
  }

  bool accepts(State state) const {
    int fraction_digits = 0;
    if (state.phase == Phase::fraction) {
      fraction_digits = state.count;
    } else if (state.phase == Phase::zero || state.phase == Phase::digits) {
      state = at_point(state);
    } else {
      return false;
    }
    const auto final_side = [&](int side, const Limit& limit) {
      const bool more = static_cast<int>(limit->value.fraction.size()) > fraction_digits;
      return side == 0 && more ? -1 : side;  // fractions end in a digit that is not 0
    };
    const Limit& low = low_[state.negative];
    const Limit& high = high_[state.negative];
    if (low) {
      const int side = final_side(state.low, low);
      if (side < 0 || (side == 0 && low->exclusive)) return false;
    }
    if (high) {
      const int side = final_side(state.high, high);
      if (side > 0 || (side == 0 && high->exclusive)) return false;
    }
    long rest = state.rest;
    for (int i = fraction_digits; i < modulus_.scale; ++i) rest = rest * 10 % modulus_.value;
    return rest == 0;
  }

  const NumberShape& shape_;
  Modulus modulus_;
  bool has_modulus_ = false;
  Limit low_[2], high_[2];  // by sign
  bool is_possible_[2] = {true, true};
  int max_digits_[2] = {}, max_fraction_[2] = {};
  Dfa dfa_;
  std::map<State, int> places_;
  std::vector<State> states_;
};

}  // namespace

std::optional<Decimal> decimal_of(const Json& number) {
  if (!number.is_number()) return std::nullopt;
  const std::string text = number.dump();
  Decimal out;
  std::size_t at = 0;
  if (text[at] == '-') {
    out.negative = true;
    ++at;
  }
  const std::size_t e = text.find_first_of("eE");
  const std::string mantissa = text.substr(at, e == std::string::npos ? e : e - at);
  int exponent = 0;
  if (e != std::string::npos) {
    const char* first = text.data() + e + 1;
    if (*first == '+') ++first;
    std::from_chars(first, text.data() + text.size(), exponent);
  }
  if (std::abs(exponent) > kMaxDecimalDigits) return std::nullopt;
  const std::size_t point = mantissa.find('.');
  std::string whole = mantissa.substr(0, point);
  std::string fraction = point == std::string::npos ? "" : mantissa.substr(point + 1);
  for (; exponent > 0; --exponent) {
    whole += fraction.empty() ? '0' : fraction.front();
    if (!fraction.empty()) fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    fraction.insert(fraction.begin(), whole.empty() ? '0' : whole.back());
    if (!whole.empty()) whole.pop_back();
  }
  out.integer = stripped_front(whole);
  out.fraction = stripped_back(fraction);
  if (out.is_zero()) out.negative = false;
  if (out.integer.size() + out.fraction.size() > kMaxDecimalDigits) return std::nullopt;
  return out;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

void NumberShape::raise_minimum(const Bound& bound) {
  const int side = minimum ? compare(bound.value, minimum->value) : 1;
  if (side > 0 || (side == 0 && bound.exclusive)) minimum = bound;
}

void NumberShape::lower_maximum(const Bound& bound) {
  const int side = maximum ? compare(bound.value, maximum->value) : -1;
  if (side < 0 || (side == 0 && bound.exclusive)) maximum = bound;
}

Dfa number_dfa(const NumberShape& shape) {
  return NumberBuilder(shape).build();
}

bool fits(const NumberShape& shape, const Json& number) {
  const auto value = decimal_of(number);
  if (!value) return shape.is_plain();
  if (shape.integer && !value->fraction.empty()) return false;
  if (shape.minimum) {
    const int side = compare(*value, shape.minimum->value);
    if (side < 0 || (side == 0 && shape.minimum->exclusive)) return false;
  }
  if (shape.maximum) {
    const int side = compare(*value, shape.maximum->value);
    if (side > 0 || (side == 0 && shape.maximum->exclusive)) return false;
  }
  for (const Decimal& multiple : shape.multiples_of) {
    const double quotient =
        number.get<double>() / std::stod(multiple.integer + "." + multiple.fraction);
    if (std::abs(quotient - std::round(quotient)) > 1e-9) return false;
  }
  return true;
}

}  // namespace llm::grammar
