// The tests: `x is string`, `x is divisibleby 3`.
#include "chat/jinja/builtins.h"
#include "chat/jinja/function_table.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/string_functions.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

/// A test without parameters.
template <bool (*is)(const Value&)>
bool plain(Runtime&, const Value& value, const Arguments& arguments) {
  const Bound bound("the test", arguments, {});
  return is(value);
}

template <Comparison comparison>
bool compares(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound("the test", arguments, {"other"}, 1);
  return compare(runtime, comparison, value, bound[0]);
}

bool is_defined(const Value& v) {
  return !v.is_undefined();
}
bool is_undefined(const Value& v) {
  return v.is_undefined();
}
bool is_none(const Value& v) {
  return v.is_none();
}
bool is_boolean(const Value& v) {
  return v.is(Kind::boolean);
}
bool is_true(const Value& v) {
  return v.is(Kind::boolean) && v.boolean();
}
bool is_false(const Value& v) {
  return v.is(Kind::boolean) && !v.boolean();
}
bool is_integer(const Value& v) {
  return v.is_integer();
}
bool is_float(const Value& v) {
  return v.is(Kind::floating);
}
bool is_number(const Value& v) {
  return v.is_number();
}
bool is_string(const Value& v) {
  return v.is_string();
}
bool is_mapping(const Value& v) {
  return v.is(Kind::dict);
}
bool is_escaped(const Value&) {
  return false;
}

bool is_callable(const Value& v) {
  return v.is(Kind::callable) || v.is(Kind::loop) || v.is_undefined();
}

/// Has a length and numbered or named items.
bool is_sequence(const Value& v) {
  if (v.is(Kind::list)) return v.list().flavor == Flavor::plain;
  return v.is_undefined() || v.is_string() || v.is(Kind::tuple) || v.is(Kind::range) ||
         v.is(Kind::dict);
}

bool remainder_is(Runtime& runtime, const Value& value, const Value& divisor, std::int64_t wanted) {
  return equal(runtime, binary(runtime, BinaryOperator::modulo, value, divisor), Value(wanted));
}

template <std::int64_t wanted>
bool parity(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound("the test", arguments, {});
  return remainder_is(runtime, value, Value(2), wanted);
}

bool divisible_by(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound("divisibleby", arguments, {"num"}, 1);
  return remainder_is(runtime, value, bound[0], 0);
}

/// Identity; values that Python would share are compared.
bool same_as(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound("sameas", arguments, {"other"}, 1);
  if (value.kind() != bound[0].kind()) return false;
  const bool shared = value.is_number() || value.is_string();
  return shared ? equal(runtime, value, bound[0]) : value.object() == bound[0].object();
}

template <bool (*is)(std::string_view)>
bool in_case(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Bound bound("the test", arguments, {});
  return is(to_text(runtime, value));
}

template <bool tests>
bool is_known(Runtime&, const Value& value, const Arguments& arguments) {
  const Bound bound("the test", arguments, {});
  if (!value.is_string()) return false;
  return tests ? find_test(value.text()) != nullptr : find_filter(value.text()) != nullptr;
}

constexpr TestFunction kEqual = compares<Comparison::equal>;
constexpr TestFunction kUnequal = compares<Comparison::unequal>;
constexpr TestFunction kLess = compares<Comparison::less>;
constexpr TestFunction kLessEqual = compares<Comparison::less_equal>;
constexpr TestFunction kGreater = compares<Comparison::greater>;
constexpr TestFunction kGreaterEqual = compares<Comparison::greater_equal>;

constexpr NamedTest kTests[] = {
    {"boolean", plain<is_boolean>},
    {"callable", plain<is_callable>},
    {"defined", plain<is_defined>},
    {"divisibleby", divisible_by},
    {"eq", kEqual},
    {"equalto", kEqual},
    {"==", kEqual},
    {"escaped", plain<is_escaped>},
    {"even", parity<0>},
    {"false", plain<is_false>},
    {"filter", is_known<false>},
    {"float", plain<is_float>},
    {"ge", kGreaterEqual},
    {">=", kGreaterEqual},
    {"greaterthan", kGreater},
    {"gt", kGreater},
    {">", kGreater},
    {"in", compares<Comparison::in>},
    {"integer", plain<is_integer>},
    {"iterable", plain<is_iterable>},
    {"le", kLessEqual},
    {"<=", kLessEqual},
    {"lessthan", kLess},
    {"lower", in_case<is_all_lower>},
    {"lt", kLess},
    {"<", kLess},
    {"mapping", plain<is_mapping>},
    {"ne", kUnequal},
    {"!=", kUnequal},
    {"none", plain<is_none>},
    {"number", plain<is_number>},
    {"odd", parity<1>},
    {"sameas", same_as},
    {"sequence", plain<is_sequence>},
    {"string", plain<is_string>},
    {"test", is_known<true>},
    {"true", plain<is_true>},
    {"undefined", plain<is_undefined>},
    {"upper", in_case<is_all_upper>},
};

}  // namespace

TestFunction find_test(std::string_view name) {
  static const FunctionTable<NamedTest, TestFunction> table{std::span(kTests)};
  return table.find(name);
}

}  // namespace llm::chat::jinja
