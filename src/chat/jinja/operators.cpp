#include "chat/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/utf8.h"
#include "chat/jinja/big_integer.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

bool equal_items(Runtime& runtime, const List& a, const List& b) {
  if (a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!equal(runtime, a.items[i], b.items[i])) return false;
  return true;
}

bool equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(runtime, key);
    if (!other || !equal(runtime, value, *other)) return false;
  }
  return true;
}

bool equal_ranges(const Range& a, const Range& b) {
  const std::int64_t size = a.size();
  if (size != b.size()) return false;
  if (size == 0) return true;
  return a.start == b.start && (size == 1 || a.step == b.step);
}

/// -1, 0, 1; 2 when one is not a number. Exact between integers and floats.
int order_numbers(const Value& a, const Value& b) {
  if (!a.is(Kind::floating) && !b.is(Kind::floating)) {
    if (a.is(Kind::big_integer) || b.is(Kind::big_integer))
      return BigInteger::compare(to_big(a), to_big(b));
    return a.integer() < b.integer() ? -1 : a.integer() > b.integer() ? 1 : 0;
  }
  if (a.is(Kind::floating) && b.is(Kind::floating)) {
    if (std::isnan(a.floating()) || std::isnan(b.floating())) return 2;
    return a.floating() < b.floating() ? -1 : a.floating() > b.floating() ? 1 : 0;
  }
  if (b.is(Kind::floating)) {
    const int order = order_numbers(b, a);
    return order == 2 ? 2 : -order;
  }
  const double x = a.floating();
  if (std::isnan(x)) return 2;
  if (std::isinf(x)) return x < 0 ? -1 : 1;
  const int order = BigInteger::compare(BigInteger::from_double(x), to_big(b));
  if (order != 0) return order;
  const double rest = x - std::trunc(x);
  return rest < 0 ? -1 : rest > 0 ? 1 : 0;
}

bool contains_text(const Value& container, const Value& item) {
  if (!item.is_string())
    refuse("'in <string>' requires a string on its left, not {}", type_name(item));
  return container.text().find(item.text()) != std::string::npos;
}

}  // namespace

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.integer() != 0;
    case Kind::floating:
      return value.floating() != 0;
    case Kind::string:
      return !value.text().empty();
    case Kind::list:
      return value.list().flavor == Flavor::generator || !value.list().items.empty();
    case Kind::tuple:
      return !value.list().items.empty();
    case Kind::range:
      return value.range().size() != 0;
    case Kind::dict:
      return !value.dict().entries().empty();
    default:
      return true;
  }
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.step();
  if (a.is_number() && b.is_number()) return order_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      return a.text() == b.text();
    case Kind::list:
    case Kind::tuple: {
      const Runtime::Nested nested(runtime);
      return equal_items(runtime, a.list(), b.list());
    }
    case Kind::dict: {
      const Runtime::Nested nested(runtime);
      return equal_dicts(runtime, a.dict(), b.dict());
    }
    case Kind::range:
      return equal_ranges(a.range(), b.range());
    default:
      return a.object() == b.object();
  }
}

bool less(Runtime& runtime, const Value& a, const Value& b, std::string_view sign) {
  runtime.step();
  if (a.is_number() && b.is_number()) return order_numbers(a, b) == -1;
  if (a.is_string() && b.is_string()) return a.text() < b.text();  // UTF-8 keeps the order
  if (a.is_sequence() && a.kind() == b.kind()) {
    const Runtime::Nested nested(runtime);
    const auto& x = a.list().items;
    const auto& y = b.list().items;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!equal(runtime, x[i], y[i])) return less(runtime, x[i], y[i], sign);
    return x.size() < y.size();
  }
  if (a.is_undefined()) refuse("{}", a.undefined_reason());
  if (b.is_undefined()) refuse("{}", b.undefined_reason());
  refuse("'{}' not supported between instances of '{}' and '{}'", sign, type_name(a), type_name(b));
}

bool compare(Runtime& runtime, Comparison comparison, const Value& a, const Value& b) {
  switch (comparison) {
    case Comparison::equal:
      return equal(runtime, a, b);
    case Comparison::unequal:
      return !equal(runtime, a, b);
    case Comparison::less:
      return less(runtime, a, b, "<");
    case Comparison::greater:
      return less(runtime, b, a, ">");
    case Comparison::less_equal:
      return less(runtime, a, b, "<=") || equal(runtime, a, b);
    case Comparison::greater_equal:
      return less(runtime, b, a, ">=") || equal(runtime, a, b);
    case Comparison::in:
      return contains(runtime, b, a);
    case Comparison::not_in:
      return !contains(runtime, b, a);
  }
  return false;
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::undefined:
      return false;
    case Kind::string:
      runtime.step(container.text().size() / 64);
      return contains_text(container, item);
    case Kind::list:
    case Kind::tuple:
      return std::any_of(container.list().items.begin(), container.list().items.end(),
                         [&](const Value& each) { return equal(runtime, each, item); });
    case Kind::dict:
      return container.dict().find(runtime, item) != nullptr;
    case Kind::range: {
      const auto items = iterate(runtime, container);
      return std::any_of(items.begin(), items.end(),
                         [&](const Value& each) { return equal(runtime, each, item); });
    }
    default:
      refuse("argument of type '{}' is not iterable", type_name(container));
  }
}

void check_hashable(Runtime& runtime, const Value& value) {
  if (value.is(Kind::list) || value.is(Kind::dict))
    refuse("a {} cannot be the key of a dict", type_name(value));
  if (!value.is(Kind::tuple)) return;
  const Runtime::Nested nested(runtime);
  runtime.step();
  for (const Value& item : value.list().items) check_hashable(runtime, item);
}

double to_double(const Value& number) {
  if (number.is(Kind::floating)) return number.floating();
  if (!number.is(Kind::big_integer)) return static_cast<double>(number.integer());
  const double value = number.big().to_double();
  if (std::isinf(value)) refuse("the integer is too large to be a float");
  return value;
}

std::size_t length(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      return unicode::count(value.text());
    case Kind::list:
    case Kind::tuple:
      return value.list().items.size();
    case Kind::range:
      return static_cast<std::size_t>(value.range().size());
    case Kind::dict:
      return value.dict().entries().size();
    case Kind::loop:
      return value.loop().items.size();
    default:
      refuse("object of type '{}' has no len()", type_name(value));
  }
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::range:
    case Kind::dict:
    case Kind::loop:
      return true;
    default:
      return false;
  }
}

std::vector<Value> iterate(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::undefined:
      break;
    case Kind::list:
    case Kind::tuple:
      runtime.charge_items(value.list().items.size());
      return value.list().items;
    case Kind::loop:
      runtime.charge_items(value.loop().items.size());
      return value.loop().items;
    case Kind::dict:
      runtime.charge_items(value.dict().entries().size());
      for (const auto& entry : value.dict().entries()) items.push_back(entry.first);
      break;
    case Kind::range: {
      const Range& range = value.range();
      const std::int64_t size = range.size();
      runtime.charge_items(static_cast<std::uint64_t>(size));
      items.reserve(static_cast<std::size_t>(size));
      for (std::int64_t i = 0; i < size; ++i) items.emplace_back(range.at(i));
      break;
    }
    case Kind::string: {
      const std::string& text = value.text();
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t width = unicode::width_at(text, at);
        runtime.charge(sizeof(Value));
        items.push_back(runtime.text(text.substr(at, width)));
        at += width;
      }
      break;
    }
    default:
      refuse("'{}' object is not iterable", type_name(value));
  }
  return items;
}

}  // namespace llm::chat::jinja
