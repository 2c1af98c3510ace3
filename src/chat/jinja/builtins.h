// The functions that come with the language. Each group is one table in its own file.
#pragma once

#include <string_view>

#include "chat/jinja/value.h"

namespace llm::chat::jinja {

class Runtime;

/// A filter or a method: works on `self`.
using Function = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);
using TestFunction = bool (*)(Runtime& runtime, const Value& value, const Arguments& arguments);

struct NamedFunction {
  std::string_view name;
  Function function;
};

struct NamedTest {
  std::string_view name;
  TestFunction function;
};

// Null when there is none of that name.
Function find_filter(std::string_view name);
TestFunction find_test(std::string_view name);
/// The methods of one name, by what has them; null where there is none.
struct Methods {
  Function strings = nullptr, lists = nullptr, tuples = nullptr, dicts = nullptr, loops = nullptr,
           numbers = nullptr;
  Function of(const Value& self) const;
};
Methods find_methods(std::string_view name);
/// One of them.
Function find_method(const Value& self, std::string_view name);
/// `range`, `namespace`, ...; undefined (with an empty reason) when there is none.
Value find_global(std::string_view name);

/// `function` with `self` tied to it, as a value that can be called.
Value bind_method(const Value& self, std::string_view name, Function function);

}  // namespace llm::chat::jinja
