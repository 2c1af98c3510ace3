// Filters on single values: numbers, defaults, JSON.
#include <charconv>
#include <cmath>
#include <optional>

#include "chat/jinja/big_integer.h"
#include "chat/jinja/filter_tables.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

Value default_value(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound("default", arguments, {"default_value", "boolean"});
  const bool wanted = self.is_undefined() || (bound.truth(1, false) && !truth(self));
  if (!wanted) return self;
  return bound.has(0) ? bound[0] : Value("");
}

/// Digits with single underscores between them; nullopt when `text` is no number.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i + 1] == '_') {
      return std::nullopt;
    }
  }
  return digits;
}

std::optional<double> parse_float(std::string_view text) {
  text = unicode::strip(text);
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  std::string_view number = *digits;
  const bool negative = number[0] == '-';
  if (number[0] == '-' || number[0] == '+') number.remove_prefix(1);
  if (number.empty() || number[0] == '-' || number[0] == '+') return std::nullopt;
  if (number.find_first_of("xXpP") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) value = HUGE_VAL;
  if (error == std::errc::invalid_argument || end != number.data() + number.size())
    return std::nullopt;
  return negative ? -value : value;
}

std::optional<BigInteger> parse_integer(std::string_view text, std::int64_t base) {
  text = unicode::strip(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto prefixed = [&](char letter) {
    return text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter;
  };
  for (const auto& [letter, of_base] : {std::pair{'x', 16}, {'o', 8}, {'b', 2}}) {
    if (!prefixed(letter) || (base != 0 && base != of_base)) continue;
    base = of_base;
    text.remove_prefix(2);
    if (text[0] == '_') text.remove_prefix(1);
    break;
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36 || text.size() > 4300) return std::nullopt;
  const auto digits = without_underscores(text);
  if (!digits) return std::nullopt;
  auto number = BigInteger::parse(*digits, static_cast<unsigned>(base));
  return number && negative ? std::optional(-*number) : number;
}

Value integer(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound("int", arguments, {"default", "base"});
  const Value otherwise = bound.has(0) ? bound[0] : Value(0);
  if (self.is_integer()) return self;
  if (self.is(Kind::boolean)) return self.integer();
  double value = 0;
  if (self.is(Kind::floating)) {
    value = self.floating();
  } else if (self.is_string()) {
    if (auto number = parse_integer(self.text(), bound.integer(1, 10)))
      return make_integer(std::move(*number));
    const auto parsed = parse_float(self.text());
    if (!parsed) return otherwise;
    value = *parsed;
  } else {
    if (self.is_undefined()) refuse("{}", self.undefined_reason());
    return otherwise;
  }
  if (!std::isfinite(value)) return otherwise;
  return make_integer(BigInteger::from_double(value));
}

Value floating(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound("float", arguments, {"default"});
  const Value otherwise = bound.has(0) ? bound[0] : Value(0.0);
  if (self.is_number()) return to_double(self);
  if (self.is_undefined()) refuse("{}", self.undefined_reason());
  if (!self.is_string()) return otherwise;
  const auto value = parse_float(self.text());
  return value ? Value(*value) : otherwise;
}

Value absolute(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("abs", arguments, {});
  if (!self.is_number()) refuse("bad operand type for abs(): '{}'", type_name(self));
  if (self.is(Kind::floating)) return std::fabs(self.floating());
  return less(runtime, self, Value(0)) ? negative(runtime, self) : positive(runtime, self);
}

/// Half to even on the decimal digits, as Python's round.
double rounded(double value, std::int64_t precision) {
  if (!std::isfinite(value) || precision > 300) return value;
  if (precision < -300) return 0.0 * value;
  if (precision <= 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(value / scale) * scale;
  }
  char buffer[700];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed,
                                 static_cast<int>(precision))
                       .ptr;
  double result = value;
  std::from_chars(buffer, end, result);
  return result;
}

Value round(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("round", arguments, {"precision", "method"});
  const std::string method = bound.text(1, "common");
  const std::int64_t precision = bound.integer(0, 0);
  if (!self.is_number()) refuse("type {} doesn't define __round__ method", type_name(self));
  if (method == "common") {
    const bool keeps = !self.is(Kind::floating) && precision >= 0;
    if (keeps) return positive(runtime, self);
    const double value = rounded(to_double(self), precision);
    if (self.is(Kind::floating)) return value;
    return make_integer(BigInteger::from_double(value));
  }
  if (method != "ceil" && method != "floor") refuse("method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = to_double(self) * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value attr(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("attr", arguments, {"name"}, 1);
  const std::string& name = bound.text(0);
  const Methods methods = find_methods(name);
  if (!self.is(Kind::dict)) {
    Value made;
    const Value& found = attribute(runtime, self, name, methods, made);
    if (!found.is_undefined()) return found;
  }
  if (const Function method = methods.of(self)) return bind_method(self, name, method);
  return Value::undefined("'" + std::string(type_name(self)) + " object' has no attribute '" +
                          name + "'");
}

Value pprint(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("pprint", arguments, {});
  return runtime.text(repr(runtime, self));
}

Value tojson(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = bound.truth(0, false);
  style.sort_keys = bound.truth(3, false);
  if (bound.some(1)) {
    style.lines = true;
    style.item_separator = ",";
    if (bound[1].is_string()) {
      style.indent = bound.text(1);
    } else {
      const std::int64_t width = std::max<std::int64_t>(0, bound.integer(1, 0));
      runtime.charge(static_cast<std::uint64_t>(width));
      style.indent.assign(static_cast<std::size_t>(width), ' ');
    }
  }
  if (bound.some(2)) {
    const std::vector<Value> pair = iterate(runtime, bound[2]);
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
      refuse("tojson: separators must be two strings");
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  return runtime.text(to_json(runtime, self, style));
}

Value parse_json(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("from_json", arguments, {});
  if (!self.is_string()) refuse("from_json wants a string, not '{}'", type_name(self));
  runtime.step(self.text().size() / 8);
  const Json json = Json::parse(self.text(), nullptr, false);
  if (json.is_discarded()) refuse("from_json: the text is not valid JSON");
  return from_json(runtime, json);
}

constexpr NamedFunction kFilters[] = {
    {"abs", absolute},          {"attr", attr},      {"d", default_value},
    {"default", default_value}, {"float", floating}, {"from_json", parse_json},
    {"int", integer},           {"pprint", pprint},  {"round", round},
    {"tojson", tojson},
};

}  // namespace

std::span<const NamedFunction> value_filters() {
  return kFilters;
}

}  // namespace llm::chat::jinja
