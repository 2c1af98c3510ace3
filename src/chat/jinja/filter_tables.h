// The groups of filters, and what they share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "chat/jinja/builtins.h"

namespace llm::chat::jinja {

std::span<const NamedFunction> text_filters();
std::span<const NamedFunction> html_filters();
std::span<const NamedFunction> value_filters();
std::span<const NamedFunction> sequence_filters();
std::span<const NamedFunction> selection_filters();

/// What the parameter `attribute` of many filters picks out of an item: a path like `a.b.0`.
class AttributePath {
 public:
  AttributePath() = default;
  explicit AttributePath(const Value& attribute);
  /// `otherwise`, when given, replaces parts that are undefined.
  Value of(Runtime& runtime, const Value& item, const Value* otherwise = nullptr) const;

 private:
  std::vector<Value> parts_;
};

/// Strings in lower case, everything else as it is: how filters compare unless told otherwise.
Value without_case(Runtime& runtime, const Value& value);

}  // namespace llm::chat::jinja
