// What a text may look like, as a tree of expressions: the one representation that GBNF, JSON
// Schema, regular expressions and tool-call formats are turned into, and that grammar.h compiles.
//
// Texts are bytes. Character items match whole UTF-8 code points; token items match one token of
// the vocabulary by its id, whatever its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/token.h"

namespace llm::grammar {

/// A grammar, schema or pattern that cannot be used; the message says where and why.
class GrammarError : public Error {
 public:
  using Error::Error;
};

/// Inclusive range of code points.
struct CodeRange {
  char32_t first, last;
};

/// Handle of an expression inside its Expressions.
struct Expr {
  std::int32_t index = -1;
};

/// Builds expressions. Bounded: throws GrammarError when there are more than kMaxExpressions.
class Expressions {
 public:
  static constexpr int kMaxExpressions = 1'000'000;
  static constexpr int kNoMaximum = -1;

  /// A member of unordered().
  struct Member {
    Expr expr;
    bool required;
  };

  Expr empty();
  Expr nothing();  // matches no text at all
  Expr literal(std::string_view bytes);
  Expr chars(std::vector<CodeRange> ranges, bool negated = false);
  Expr any_char();
  /// Any text (whole code points) in which none of `stops` occurs, also not as it ends: a stop
  /// that follows is not part of it. With no stops: any text.
  Expr text_without(std::vector<std::string> stops);
  Expr sequence(std::vector<Expr> parts);
  Expr choice(std::vector<Expr> parts);
  /// Counted in the automaton, not unrolled: the price does not depend on the counts.
  Expr repeat(Expr part, int minimum, int maximum = kNoMaximum);
  Expr optional(Expr part) { return repeat(part, 0, 1); }
  /// Each member at most once, in any order, every required one present, `separator` between two.
  Expr unordered(std::vector<Member> members, Expr separator);
  Expr token(TokenId id);
  Expr any_token_but(TokenId id);

  /// A named rule, for recursion: used before or after it is defined.
  Expr rule(std::string name);
  void define(Expr rule, Expr body);

  struct Node;  // expression_nodes.h, for the compiler
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  std::vector<Node> nodes_;
};

}  // namespace llm::grammar
