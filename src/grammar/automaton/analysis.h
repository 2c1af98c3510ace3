// What must be known of expressions before they are compiled: equal ones, empty ones, left
// recursion. Everything is iterative: expressions may be nested as deeply as they are many.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/expression.h"

namespace llm::grammar {

struct Analysis {
  /// Of every node: the first node of the same structure.
  std::vector<std::int32_t> canonical;
  std::vector<bool> nullable;  // may be empty
  std::vector<bool> is_void;   // matches no text, because of nothing()
};

std::vector<bool> nullable_nodes(const Expressions& expressions);
Analysis analyse(const Expressions& expressions);

/// A rule that may begin with itself, -1 when there is none. Rules that nothing uses count.
std::int32_t find_left_recursion(const Expressions& expressions, const std::vector<bool>& nullable);

}  // namespace llm::grammar
