// Lookup of built-in functions by name.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <unordered_map>

namespace llm::chat::jinja {

/// Rows of `{name, function}` by name; built once from constant tables.
template <class Row, class Function>
class FunctionTable {
 public:
  FunctionTable(std::initializer_list<std::span<const Row>> groups) {
    for (const auto& group : groups)
      for (const Row& row : group) rows_.emplace(row.name, row.function);
  }
  Function find(std::string_view name) const {
    const auto found = rows_.find(name);
    return found == rows_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::string_view, Function> rows_;
};

}  // namespace llm::chat::jinja
