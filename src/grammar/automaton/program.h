// A grammar as a pushdown automaton over bytes: positions that read a byte or branch, in regions
// that call each other.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/expression.h"

namespace llm::grammar {

/// Bytes low to high lead to `next`.
struct ByteEdge {
  std::uint8_t low, high;
  std::int32_t next;
  bool operator==(const ByteEdge&) const = default;
};

struct Position {
  enum class Op : std::uint8_t {
    end,            // of a plain or counted region
    bytes,          // edges [a, a + b)
    split,          // targets [a, a + b), any of them
    call,           // region a, then position b
    token,          // token a, then position b
    token_but,      // any token but a, then position b
    member_end,     // of member a of an unordered region
    separator_end,  // of its separator
    members         // every member that has not been there
  };
  Op op = Op::end;
  std::int32_t a = 0, b = 0;
};

/// A part of the grammar that is entered by a call and goes back to where it was called.
struct Region {
  enum class Kind : std::uint8_t { plain, counted, unordered };
  Kind kind = Kind::plain;
  std::int32_t start = 0;
  /// Regions that this one may begin with stand later in this order.
  std::int32_t order = 0;
  // Of a counted region; maximum is kNoMaximum when there is none.
  std::int32_t minimum = 0, maximum = 0;
  // Of an unordered one. A bit per member in `required`.
  std::vector<std::int32_t> members;
  std::vector<std::uint64_t> required;
  std::int32_t separator = 0;
  bool separator_may_be_empty = false;
};

struct Program {
  static constexpr std::int32_t kEnd = 0;  // the position of Op::end

  std::vector<Position> positions;
  std::vector<ByteEdge> edges;
  std::vector<std::int32_t> targets;
  std::vector<Region> regions;
  std::int32_t start = 0;
  bool matches_empty = false;
};

/// Throws GrammarError.
Program build_program(const Expressions& expressions, Expr root);

}  // namespace llm::grammar
