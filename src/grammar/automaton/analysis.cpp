#include "grammar/automaton/analysis.h"

#include <span>
#include <string>
#include <unordered_map>

namespace llm::grammar {
namespace {

using Node = Expressions::Node;
using Kind = Node::Kind;

template <class T>
void append_raw(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Equal for nodes of the same structure, given the canonical nodes of its children.
std::string structure(const Expressions& expressions, const Node& node,
                      const std::vector<std::int32_t>& canonical) {
  std::string key(1, static_cast<char>(node.kind));
  switch (node.kind) {
    case Kind::literal:
      key += expressions.strings(node)[0];
      break;
    case Kind::text:
      for (const std::string& stop : expressions.strings(node)) {
        append_raw(key, stop.size());
        key += stop;
      }
      break;
    case Kind::chars:
      for (const CodeRange& range : expressions.ranges(node)) append_raw(key, range);
      break;
    case Kind::token:
    case Kind::token_but:
      append_raw(key, node.low);
      break;
    default:
      for (const std::int32_t child : expressions.children(node)) append_raw(key, canonical[child]);
      if (node.kind == Kind::repeat) {
        append_raw(key, node.low);
        append_raw(key, node.high);
      } else if (node.kind == Kind::unordered) {
        for (std::uint32_t i = 0; i + 1 < node.count; ++i) key += expressions.is_required(node, i);
      }
  }
  return key;
}

std::vector<std::int32_t> canonical_nodes(const Expressions& expressions) {
  const std::vector<Node>& nodes = expressions.nodes();
  std::vector<std::int32_t> canonical(nodes.size());
  std::unordered_map<std::string, std::int32_t> known;
  known.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto self = static_cast<std::int32_t>(i);
    // A rule is itself: its body may come later.
    canonical[i] =
        nodes[i].kind == Kind::rule
            ? self
            : known.try_emplace(structure(expressions, nodes[i], canonical), self).first->second;
  }
  return canonical;
}

/// Derives a property of nodes from their children's: a node has it as soon as `need` children
/// have it. Each dependency is looked at once.
class Derivation {
 public:
  static constexpr std::int32_t kNever = -1;

  explicit Derivation(std::size_t count) : need_(count, kNever), holds_(count), first_(count, -1) {}

  void set_need(std::int32_t node, std::int32_t need) { need_[node] = need; }
  void depends(std::int32_t node, std::int32_t child) {
    links_.push_back({node, first_[child]});
    first_[child] = static_cast<std::int32_t>(links_.size()) - 1;
  }

  std::vector<bool> solve() {
    std::vector<std::int32_t> ready;
    for (std::size_t i = 0; i < need_.size(); ++i) {
      if (need_[i] == 0) ready.push_back(static_cast<std::int32_t>(i));
    }
    while (!ready.empty()) {
      const std::int32_t node = ready.back();
      ready.pop_back();
      if (holds_[node]) continue;
      holds_[node] = true;
      for (std::int32_t link = first_[node]; link >= 0; link = links_[link].next) {
        const std::int32_t parent = links_[link].parent;
        if (need_[parent] != kNever && --need_[parent] == 0) ready.push_back(parent);
      }
    }
    return std::move(holds_);
  }

 private:
  struct Link {
    std::int32_t parent, next;
  };
  std::vector<std::int32_t> need_;
  std::vector<bool> holds_;
  std::vector<std::int32_t> first_;
  std::vector<Link> links_;
};

/// The parts that `node` is made of: of an unordered one, those that it cannot do without. Returns
/// how many.
template <class Visit>
std::int32_t for_parts(const Expressions& expressions, const Node& node, Visit visit) {
  const auto children = expressions.children(node);
  std::int32_t count = 0;
  switch (node.kind) {
    case Kind::sequence:
    case Kind::choice:
    case Kind::repeat:
      for (const std::int32_t child : children) visit(child);
      return static_cast<std::int32_t>(children.size());
    case Kind::unordered:
      for (std::size_t i = 1; i < children.size(); ++i) {
        if (!expressions.is_required(node, i - 1)) continue;
        visit(children[i]);
        ++count;
      }
      return count;
    case Kind::rule:
      if (node.low >= 0) visit(node.low);
      return 1;
    default:
      return 0;
  }
}

/// The nodes that have a property; `need(node, parts)` says how many of its parts must have it for
/// the node to have it, or kNever.
template <class Need>
std::vector<bool> derive(const Expressions& expressions, Need need) {
  const std::vector<Node>& nodes = expressions.nodes();
  Derivation derivation(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto self = static_cast<std::int32_t>(i);
    const std::int32_t parts = for_parts(
        expressions, nodes[i], [&](std::int32_t part) { derivation.depends(self, part); });
    const std::int32_t needed = need(nodes[i], parts);
    if (needed != Derivation::kNever) derivation.set_need(self, needed);
  }
  return derivation.solve();
}

std::vector<bool> void_nodes(const Expressions& expressions) {
  return derive(expressions, [](const Node& node, std::int32_t parts) {
    switch (node.kind) {
      case Kind::nothing:
        return 0;
      case Kind::choice:
        return parts;
      case Kind::sequence:
      case Kind::rule:
        return 1;
      case Kind::repeat:
        return node.low > 0 ? 1 : Derivation::kNever;
      case Kind::unordered:
        return parts > 0 ? 1 : Derivation::kNever;
      default:
        return Derivation::kNever;
    }
  });
}

/// What a text of `node` may begin with.
template <class Visit>
void for_beginnings(const Expressions& expressions, const Node& node,
                    const std::vector<bool>& nullable, Visit visit) {
  const auto children = expressions.children(node);
  switch (node.kind) {
    case Kind::sequence:
      for (const std::int32_t child : children) {
        visit(child);
        if (!nullable[child]) break;
      }
      break;
    case Kind::choice:
    case Kind::repeat:
      for (const std::int32_t child : children) visit(child);
      break;
    case Kind::unordered:
      for (const std::int32_t child : children.subspan(1)) visit(child);
      break;
    case Kind::rule:
      if (node.low >= 0) visit(node.low);
      break;
    default:
      break;
  }
}

bool has_children(Kind kind) {
  return kind == Kind::sequence || kind == Kind::choice || kind == Kind::repeat ||
         kind == Kind::unordered || kind == Kind::rule;
}

}  // namespace

std::vector<bool> nullable_nodes(const Expressions& expressions) {
  return derive(expressions, [](const Node& node, std::int32_t parts) {
    switch (node.kind) {
      case Kind::empty:
      case Kind::text:
        return 0;
      case Kind::sequence:
      case Kind::unordered:
        return parts;
      case Kind::choice:
      case Kind::rule:
        return 1;
      case Kind::repeat:
        return node.low == 0 ? 0 : 1;
      default:
        return Derivation::kNever;
    }
  });
}

Analysis analyse(const Expressions& expressions) {
  return {.canonical = canonical_nodes(expressions),
          .nullable = nullable_nodes(expressions),
          .is_void = void_nodes(expressions)};
}

std::int32_t find_left_recursion(const Expressions& expressions,
                                 const std::vector<bool>& nullable) {
  enum : std::uint8_t { kNew, kOpen, kDone };
  const std::vector<Node>& nodes = expressions.nodes();
  std::vector<std::uint8_t> color(nodes.size(), kNew);
  std::vector<std::int32_t> path;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind != Kind::rule || color[i] != kNew) continue;
    // Depth first: a node stays on the path, open, until everything behind it is done.
    path.push_back(static_cast<std::int32_t>(i));
    while (!path.empty()) {
      const std::int32_t node = path.back();
      if (color[node] != kNew) {
        color[node] = kDone;
        path.pop_back();
        continue;
      }
      color[node] = kOpen;
      std::int32_t repeated = -1;
      for_beginnings(expressions, nodes[node], nullable, [&](std::int32_t child) {
        if (color[child] == kOpen) repeated = child;
        if (color[child] == kNew && has_children(nodes[child].kind)) path.push_back(child);
      });
      if (repeated < 0) continue;
      // Some rule lies on every cycle: the innermost open one behind the repeated node.
      for (auto at = path.rbegin(); at != path.rend(); ++at) {
        if (color[*at] == kOpen && nodes[*at].kind == Kind::rule) return *at;
      }
      return repeated;
    }
  }
  return -1;
}

}  // namespace llm::grammar
