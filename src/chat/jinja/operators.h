// The operators of the language on values, with Python's meaning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/value.h"

namespace llm::chat::jinja {

class Runtime;
struct Methods;

enum class BinaryOperator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
};

enum class Comparison : std::uint8_t {
  equal,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
};

bool truth(const Value& value);
bool equal(Runtime& runtime, const Value& a, const Value& b);
/// Refuses pairs that have no order; `sign` is the operator named in the error.
bool less(Runtime& runtime, const Value& a, const Value& b, std::string_view sign = "<");
bool compare(Runtime& runtime, Comparison comparison, const Value& a, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
/// Refuses values that cannot be keys of a dict.
void check_hashable(Runtime& runtime, const Value& value);

Value binary(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b);
Value negative(Runtime& runtime, const Value& value);
Value positive(Runtime& runtime, const Value& value);

/// Number of items or code points; refuses values that have no length.
std::size_t length(const Value& value);
/// True for what a for may run over.
bool is_iterable(const Value& value);
/// The items a for would see: of strings their characters, of dicts the keys.
std::vector<Value> iterate(Runtime& runtime, const Value& value);
double to_double(const Value& number);

/// `value.name`: methods and attributes first, then keys; undefined when there is none. `methods`
/// are those of the name. The answer is a part of `value`, or put into `made`, which may be `value`
/// itself.
const Value& attribute(Runtime& runtime, const Value& value, const std::string& name,
                       const Methods& methods, Value& made);
/// `value[key]`: items first, then attributes. The answer as above.
const Value& subscript(Runtime& runtime, const Value& value, const Value& key, Value& made);
Value subscript(Runtime& runtime, const Value& value, const Value& key);
/// `value[start:stop:step]`; none stands for a bound that was left out.
Value slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
            const Value& step);

}  // namespace llm::chat::jinja
