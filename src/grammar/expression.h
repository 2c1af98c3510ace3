// What a text may look like, as a tree of expressions: the one representation that GBNF, JSON
// Schema, regular expressions and tool-call formats are turned into, and that grammar.h compiles.
//
// Texts are bytes. Character items match whole UTF-8 code points; token items match one token of
// the vocabulary by its id, whatever its text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
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
  /// A member that may be empty counts as absent where it is empty.
  Expr unordered(std::vector<Member> members, Expr separator);
  Expr token(TokenId id);
  Expr any_token_but(TokenId id);

  /// A named rule, for recursion: used before or after it is defined.
  Expr rule(std::string name);
  void define(Expr rule, Expr body);

  /// One expression, for the compiler. Which fields mean what is said beside each kind.
  struct Node {
    enum class Kind : std::uint8_t {
      empty,
      nothing,
      literal,    // string
      chars,      // ranges: sorted, disjoint, without surrogates
      text,       // strings: the stops
      sequence,   // children
      choice,     // children
      repeat,     // children[0], low to high
      unordered,  // children: the separator, then the members; low: the first of `required`
      token,      // low: the id
      token_but,  // low: the id
      rule        // string: the name; low: the body, -1 while undefined
    };
    Kind kind = Kind::empty;
    std::uint32_t begin = 0, count = 0;  // a part of children, ranges or strings
    std::int32_t low = 0, high = 0;
  };
  const std::vector<Node>& nodes() const { return nodes_; }
  std::span<const std::int32_t> children(const Node& node) const;
  std::span<const CodeRange> ranges(const Node& node) const;
  std::span<const std::string> strings(const Node& node) const;
  /// Whether member `i` of an unordered node must be there.
  bool is_required(const Node& node, std::size_t i) const { return required_[node.low + i] != 0; }

 private:
  Expr add(Node node);
  Expr add_string(Node node, std::string_view text);
  Expr add_with_children(Node::Kind kind, std::span<const Expr> children);
  std::int32_t check(Expr expr) const;

  std::vector<Node> nodes_;
  std::vector<std::int32_t> children_;
  std::vector<CodeRange> ranges_;
  std::vector<std::string> strings_;
  std::vector<std::uint8_t> required_;
  std::unordered_map<std::string, std::int32_t> rules_;
};

}  // namespace llm::grammar
