#include "grammar/expression.h"

#include <algorithm>
#include <cassert>

namespace llm::grammar {
namespace {

using Kind = Expressions::Node::Kind;

constexpr char32_t kLastCode = 0x10FFFF, kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

/// Adds the part of [first, last] that is no surrogate.
void add_scalars(std::vector<CodeRange>& out, char32_t first, char32_t last) {
  last = std::min(last, kLastCode);
  if (first > last) return;
  if (first < kFirstSurrogate)
    out.push_back({first, std::min<char32_t>(last, kFirstSurrogate - 1)});
  if (last > kLastSurrogate) out.push_back({std::max<char32_t>(first, kLastSurrogate + 1), last});
}

/// Sorted and disjoint, touching ranges joined.
std::vector<CodeRange> normalised(std::vector<CodeRange> ranges, bool negated) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  std::vector<CodeRange> joined;
  for (const CodeRange& range : ranges) {
    if (range.first > range.last) continue;
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  std::vector<CodeRange> out;
  if (!negated) {
    for (const CodeRange& range : joined) add_scalars(out, range.first, range.last);
    return out;
  }
  char32_t next = 0;
  for (const CodeRange& range : joined) {
    if (range.first > next) add_scalars(out, next, range.first - 1);
    next = range.last + 1;
  }
  add_scalars(out, next, kLastCode);
  return out;
}

}  // namespace

std::span<const std::int32_t> Expressions::children(const Node& node) const {
  const bool has_children = node.kind == Kind::sequence || node.kind == Kind::choice ||
                            node.kind == Kind::repeat || node.kind == Kind::unordered;
  if (!has_children) return {};
  return std::span(children_).subspan(node.begin, node.count);
}

std::span<const CodeRange> Expressions::ranges(const Node& node) const {
  return std::span(ranges_).subspan(node.begin, node.count);
}

std::span<const std::string> Expressions::strings(const Node& node) const {
  return std::span(strings_).subspan(node.begin, node.count);
}

std::int32_t Expressions::check(Expr expr) const {
  assert(expr.index >= 0 && static_cast<std::size_t>(expr.index) < nodes_.size());
  return expr.index;
}

Expr Expressions::add(Node node) {
  if (nodes_.size() >= kMaxExpressions) {
    throw GrammarError(fmt::format("too large: more than {} expressions", kMaxExpressions));
  }
  nodes_.push_back(node);
  return {static_cast<std::int32_t>(nodes_.size()) - 1};
}

Expr Expressions::add_string(Node node, std::string_view text) {
  node.begin = static_cast<std::uint32_t>(strings_.size());
  node.count = 1;
  strings_.emplace_back(text);
  return add(node);
}

Expr Expressions::add_with_children(Node::Kind kind, std::span<const Expr> children) {
  const auto begin = static_cast<std::uint32_t>(children_.size());
  for (const Expr child : children) children_.push_back(check(child));
  return add({.kind = kind, .begin = begin, .count = static_cast<std::uint32_t>(children.size())});
}

Expr Expressions::empty() {
  return add({.kind = Kind::empty});
}

Expr Expressions::nothing() {
  return add({.kind = Kind::nothing});
}

Expr Expressions::literal(std::string_view bytes) {
  return bytes.empty() ? empty() : add_string({.kind = Kind::literal}, bytes);
}

Expr Expressions::chars(std::vector<CodeRange> ranges, bool negated) {
  const std::vector<CodeRange> clean = normalised(std::move(ranges), negated);
  if (clean.empty()) return nothing();
  const auto begin = static_cast<std::uint32_t>(ranges_.size());
  ranges_.insert(ranges_.end(), clean.begin(), clean.end());
  return add(
      {.kind = Kind::chars, .begin = begin, .count = static_cast<std::uint32_t>(clean.size())});
}

Expr Expressions::any_char() {
  return chars({}, /*negated=*/true);
}

Expr Expressions::text_without(std::vector<std::string> stops) {
  std::erase_if(stops, [](const std::string& stop) { return stop.empty(); });
  const auto begin = static_cast<std::uint32_t>(strings_.size());
  const auto count = static_cast<std::uint32_t>(stops.size());
  for (std::string& stop : stops) strings_.push_back(std::move(stop));
  return add({.kind = Kind::text, .begin = begin, .count = count});
}

Expr Expressions::sequence(std::vector<Expr> parts) {
  if (parts.empty()) return empty();
  if (parts.size() == 1) return parts[0];
  return add_with_children(Kind::sequence, parts);
}

Expr Expressions::choice(std::vector<Expr> parts) {
  if (parts.empty()) return nothing();
  if (parts.size() == 1) return parts[0];
  return add_with_children(Kind::choice, parts);
}

Expr Expressions::repeat(Expr part, int minimum, int maximum) {
  assert(minimum >= 0 && (maximum == kNoMaximum || maximum >= minimum));
  if (maximum == 0) return empty();
  if (minimum == 1 && maximum == 1) return part;
  const Expr expr = add_with_children(Kind::repeat, std::span(&part, 1));
  nodes_[expr.index].low = minimum;
  nodes_[expr.index].high = maximum;
  return expr;
}

Expr Expressions::unordered(std::vector<Member> members, Expr separator) {
  if (members.empty()) return empty();
  std::vector<Expr> children = {separator};
  const auto required = static_cast<std::int32_t>(required_.size());
  for (const Member& member : members) {
    children.push_back(member.expr);
    required_.push_back(member.required);
  }
  const Expr expr = add_with_children(Kind::unordered, children);
  nodes_[expr.index].low = required;
  return expr;
}

Expr Expressions::token(TokenId id) {
  return add({.kind = Kind::token, .low = id});
}

Expr Expressions::any_token_but(TokenId id) {
  return add({.kind = Kind::token_but, .low = id});
}

Expr Expressions::rule(std::string name) {
  const auto [found, is_new] = rules_.try_emplace(std::move(name), 0);
  if (is_new) found->second = add_string({.kind = Kind::rule, .low = -1}, found->first).index;
  return {found->second};
}

void Expressions::define(Expr rule, Expr body) {
  Node& node = nodes_[check(rule)];
  assert(node.kind == Kind::rule);
  node.low = check(body);
}

}  // namespace llm::grammar
