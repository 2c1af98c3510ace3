// Expressions to a program: every expression is written in front of what follows it. What is used
// in several places, is recursive or counts becomes a region of its own.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "grammar/automaton/analysis.h"
#include "grammar/automaton/program.h"
#include "grammar/automaton/stop_automaton.h"
#include "grammar/automaton/utf8_ranges.h"

namespace llm::grammar {
namespace {

using Node = Expressions::Node;
using Kind = Node::Kind;
using Op = Position::Op;

constexpr std::size_t kMaxPositions = 2'000'000;
constexpr std::int64_t kMaxUnrolled = 48;  // positions of a repetition that is written out
constexpr std::int64_t kMaxRepeated = 6;   // positions of a shared part that is written twice
constexpr std::int64_t kMaxRound = 200;    // positions of a loop's body that is written twice
constexpr int kMaxNesting = 60;            // deeper parts become regions
constexpr std::int64_t kHuge = 1'000'000;

class Builder {
 public:
  Builder(const Expressions& expressions, Expr root)
      : expressions_(expressions), nodes_(expressions.nodes()), analysis_(analyse(expressions)) {
    if (const auto rule = find_left_recursion(expressions, analysis_.nullable); rule >= 0) {
      throw GrammarError(fmt::format("left recursion: rule '{}' may begin with itself",
                                     expressions.strings(nodes_[rule])[0]));
    }
    root_ = resolve(root.index);
    survey();
  }

  Program build() {
    program_.positions.push_back({});  // Program::kEnd
    program_.matches_empty = analysis_.nullable[root_] && !analysis_.is_void[root_];
    if (analysis_.is_void[root_]) throw GrammarError("the grammar matches no text");
    region_of(root_);
    for (std::size_t i = 0; i < region_nodes_.size(); ++i) build_region(static_cast<int>(i));
    order_regions();
    program_.start = 0;
    return std::move(program_);
  }

 private:
  // --- looking at the expressions

  /// The node that stands for `node`: rules are their bodies, equal nodes one node.
  std::int32_t resolve(std::int32_t node) const {
    // A cycle of nothing but rules is left recursion, so this ends.
    for (node = analysis_.canonical[node]; nodes_[node].kind == Kind::rule;
         node = analysis_.canonical[nodes_[node].low]) {
      if (nodes_[node].low < 0) {
        throw GrammarError(
            fmt::format("undefined rule '{}'", expressions_.strings(nodes_[node])[0]));
      }
    }
    return node;
  }

  /// How often each node is used, what it holds and how large it is.
  void survey() {
    uses_.assign(nodes_.size(), 0);
    size_.assign(nodes_.size(), 0);
    has_rule_.assign(nodes_.size(), false);
    std::vector<std::int32_t> stack = {root_};
    ++uses_[root_];
    while (!stack.empty()) {
      const std::int32_t node = stack.back();
      stack.pop_back();
      for (const std::int32_t child : expressions_.children(nodes_[node])) {
        const std::int32_t to = resolve(child);
        if (uses_[to]++ == 0 && has_children(nodes_[to].kind)) stack.push_back(to);
      }
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {  // children stand before their parents
      const Node& node = nodes_[i];
      std::int64_t size = 1;
      bool has_rule = node.kind == Kind::rule;
      if (node.kind == Kind::literal) {
        size = static_cast<std::int64_t>(expressions_.strings(node)[0].size());
      } else if (node.kind == Kind::chars) {
        size = expressions_.ranges(node).back().last < 0x80 ? 1 : 1 + 2 * node.count;
      } else if (node.kind == Kind::text) {
        size = 32;
      } else if (has_children(node.kind)) {
        for (const std::int32_t child : expressions_.children(node)) {
          size += size_[child];
          has_rule = has_rule || has_rule_[child];
        }
        if (node.kind == Kind::repeat) size *= std::max({node.low, node.high, 1});
      }
      size_[i] = static_cast<std::int32_t>(std::min(size, kHuge));
      has_rule_[i] = has_rule;
    }
  }

  static bool has_children(Kind kind) {
    return kind == Kind::sequence || kind == Kind::choice || kind == Kind::repeat ||
           kind == Kind::unordered;
  }

  bool is_counted(const Node& node) const {
    if (node.kind != Kind::repeat) return false;
    if (node.low <= 1 && (node.high == Expressions::kNoMaximum || node.high == 1)) return false;
    const std::int32_t child = expressions_.children(node)[0];
    const std::int64_t times = std::max<std::int64_t>(node.high, node.low + 1);
    return has_rule_[child] || size_[child] * times > kMaxUnrolled;
  }

  bool wants_region(std::int32_t node) const {
    const Node& self = nodes_[node];
    if (self.kind == Kind::unordered || is_counted(self)) return true;
    return uses_[node] > 1 && (has_rule_[node] || size_[node] > kMaxRepeated);
  }

  // --- positions

  std::int32_t add(Position position) {
    if (program_.positions.size() >= kMaxPositions) {
      throw GrammarError(fmt::format("too large: more than {} positions", kMaxPositions));
    }
    program_.positions.push_back(position);
    return static_cast<std::int32_t>(program_.positions.size()) - 1;
  }

  std::int32_t add_split(const std::vector<std::int32_t>& targets) {
    if (targets.size() == 1) return targets[0];
    const auto begin = static_cast<std::int32_t>(program_.targets.size());
    program_.targets.insert(program_.targets.end(), targets.begin(), targets.end());
    return add({Op::split, begin, static_cast<std::int32_t>(targets.size())});
  }

  std::int32_t add_bytes(const std::vector<ByteEdge>& edges) {
    const auto begin = static_cast<std::int32_t>(program_.edges.size());
    program_.edges.insert(program_.edges.end(), edges.begin(), edges.end());
    return add({Op::bytes, begin, static_cast<std::int32_t>(edges.size())});
  }

  std::int32_t build(std::int32_t node, std::int32_t next) {
    node = resolve(node);
    if (analysis_.is_void[node]) return add_bytes({});
    if (nesting_ < kMaxNesting && !wants_region(node)) {
      ++nesting_;
      const std::int32_t at = write(node, next);
      --nesting_;
      return at;
    }
    const std::int32_t call = add({Op::call, region_of(node), next});
    return analysis_.nullable[node] ? add_split({call, next}) : call;
  }

  std::int32_t write(std::int32_t node, std::int32_t next) {
    const Node& self = nodes_[node];
    switch (self.kind) {
      case Kind::literal:
        return write_literal(expressions_.strings(self)[0], next);
      case Kind::chars:
        return write_chars(utf8_sequences(expressions_.ranges(self)), 0, next);
      case Kind::text:
        return write_text(expressions_.strings(self), next);
      case Kind::sequence: {
        const auto children = expressions_.children(self);
        for (auto child = children.rbegin(); child != children.rend(); ++child) {
          next = build(*child, next);
        }
        return next;
      }
      case Kind::choice:
        return write_choice(expressions_.children(self), next);
      case Kind::repeat:
        return write_repeat(self, next);
      case Kind::token:
        return add({Op::token, self.low, next});
      case Kind::token_but:
        return add({Op::token_but, self.low, next});
      default:
        return next;  // empty; nothing, rules and unordered ones do not come here
    }
  }

  std::int32_t write_literal(const std::string& text, std::int32_t next) {
    for (auto c = text.rbegin(); c != text.rend(); ++c) {
      const auto byte = static_cast<std::uint8_t>(*c);
      next = add_bytes({{byte, byte, next}});
    }
    return next;
  }

  /// `sequences` share their first `depth` bytes. Equal rests become one position.
  std::int32_t write_chars(const std::vector<Utf8Sequence>& sequences, int depth,
                           std::int32_t next) {
    std::map<std::vector<std::pair<int, std::int32_t>>, std::int32_t> rests;
    return write_chars(sequences, depth, next, rests);
  }

  using Rests = std::map<std::vector<std::pair<int, std::int32_t>>, std::int32_t>;

  std::int32_t write_chars(const std::vector<Utf8Sequence>& sequences, int depth, std::int32_t next,
                           Rests& rests) {
    std::vector<ByteEdge> edges;
    std::vector<std::pair<int, std::int32_t>> key;
    for (std::size_t i = 0; i < sequences.size();) {
      const Utf8Sequence& first = sequences[i];
      std::vector<Utf8Sequence> same;
      for (; i < sequences.size() && sequences[i].low[depth] == first.low[depth]; ++i) {
        same.push_back(sequences[i]);
      }
      const std::int32_t to =
          first.length == depth + 1 ? next : write_chars(same, depth + 1, next, rests);
      edges.push_back({first.low[depth], first.high[depth], to});
      key.emplace_back(first.low[depth] << 8 | first.high[depth], to);
    }
    const auto [found, is_new] = rests.try_emplace(std::move(key), 0);
    if (is_new) found->second = add_bytes(edges);
    return found->second;
  }

  std::int32_t write_text(std::span<const std::string> stops, std::int32_t next) {
    const std::vector<StopState> states = stop_automaton(stops);
    std::vector<std::int32_t> entry(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      entry[i] = states[i].between_characters ? add({Op::split, 0, 2}) : add({Op::bytes});
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
      std::vector<ByteEdge> edges = states[i].edges;
      for (ByteEdge& edge : edges) edge.next = entry[edge.next];
      if (!states[i].between_characters) {
        const std::int32_t bytes = add_bytes(edges);
        program_.positions[entry[i]] = program_.positions[bytes];
        continue;
      }
      const std::int32_t bytes = add_bytes(edges);
      program_.positions[entry[i]].a = static_cast<std::int32_t>(program_.targets.size());
      program_.targets.insert(program_.targets.end(), {bytes, next});
    }
    return entry[0];
  }

  /// Literals with a common beginning share its positions, so that a long list of names is no
  /// crowd of states.
  std::int32_t write_choice(std::span<const std::int32_t> children, std::int32_t next) {
    std::vector<std::int32_t> targets;
    std::vector<std::string_view> literals;
    for (const std::int32_t child : children) {
      const std::int32_t node = resolve(child);
      if (analysis_.is_void[node]) continue;
      if (nodes_[node].kind == Kind::literal) {
        literals.push_back(expressions_.strings(nodes_[node])[0]);
      } else {
        targets.push_back(build(child, next));
      }
    }
    std::sort(literals.begin(), literals.end());
    literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
    if (!literals.empty()) targets.push_back(write_literals(literals, next));
    return add_split(targets);
  }

  /// `literals`: sorted, different, not empty. A trie, written without recursion: from the longest
  /// common beginnings to the shortest.
  std::int32_t write_literals(std::span<const std::string_view> literals, std::int32_t next) {
    struct Open {
      std::vector<ByteEdge> edges;
      bool ends = false;
    };
    std::vector<Open> path(1);  // one per byte of the current literal, and the root
    std::string_view previous;
    const auto close = [&](std::size_t depth) {
      while (path.size() > depth + 1) {
        Open& last = path.back();
        std::int32_t at = next;
        if (!last.edges.empty()) {
          at = add_bytes(last.edges);
          if (last.ends) at = add_split({at, next});
        }
        path.pop_back();
        const auto byte = static_cast<std::uint8_t>(previous[path.size() - 1]);
        path.back().edges.push_back({byte, byte, at});
      }
    };
    for (const std::string_view literal : literals) {
      std::size_t shared = 0;
      while (shared < previous.size() && shared < literal.size() &&
             previous[shared] == literal[shared]) {
        ++shared;
      }
      close(shared);
      path.resize(literal.size() + 1);
      path.back().ends = true;
      previous = literal;
    }
    close(0);
    return add_bytes(path[0].edges);
  }

  /// What a loop repeats. A small one is written here even where it is shared: a token does many
  /// rounds, and masks need the loop's bytes (and its counter, if it has one) in one region.
  std::int32_t build_round(std::int32_t node, std::int32_t next) {
    node = resolve(node);
    const bool is_plain = nodes_[node].kind != Kind::unordered && !is_counted(nodes_[node]) &&
                          !has_rule_[node] && !analysis_.is_void[node];
    return is_plain && size_[node] <= kMaxRound ? write(node, next) : build(node, next);
  }

  std::int32_t write_repeat(const Node& self, std::int32_t next) {
    const std::int32_t child = expressions_.children(self)[0];
    if (self.high == Expressions::kNoMaximum && self.low <= 1) {
      const std::int32_t again = add({Op::split, 0, 2});
      const std::int32_t body = build_round(child, again);
      program_.positions[again].a = static_cast<std::int32_t>(program_.targets.size());
      program_.targets.insert(program_.targets.end(), {body, next});
      return self.low == 0 ? again : body;
    }
    std::int32_t at = next;
    if (self.high == Expressions::kNoMaximum) {
      const std::int32_t again = add({Op::split, 0, 2});
      const std::int32_t body = build(child, again);
      program_.positions[again].a = static_cast<std::int32_t>(program_.targets.size());
      program_.targets.insert(program_.targets.end(), {body, next});
      at = again;
    } else {
      for (int i = self.low; i < self.high; ++i) at = add_split({build(child, at), next});
    }
    for (int i = 0; i < self.low; ++i) at = build(child, at);
    return at;
  }

  // --- regions

  std::int32_t region_of(std::int32_t node) {
    const auto [found, is_new] =
        regions_.try_emplace(node, static_cast<std::int32_t>(region_nodes_.size()));
    if (is_new) {
      region_nodes_.push_back(node);
      program_.regions.emplace_back();
    }
    return found->second;
  }

  void build_region(int index) {
    const std::int32_t node = region_nodes_[index];
    const Node& self = nodes_[node];
    Region region;
    nesting_ = 1;
    if (self.kind == Kind::unordered) {
      build_unordered(self, region);
    } else if (is_counted(self)) {
      const std::int32_t child = expressions_.children(self)[0];
      region.kind = Region::Kind::counted;
      // Rounds that read nothing stand for any number of missing ones.
      region.minimum = analysis_.nullable[child] ? 0 : self.low;
      region.maximum = self.high;
      region.start = build_round(child, Program::kEnd);
    } else {
      region.start = write(node, Program::kEnd);
    }
    program_.regions[index] = std::move(region);
  }

  void build_unordered(const Node& self, Region& region) {
    const auto children = expressions_.children(self);
    region.kind = Region::Kind::unordered;
    region.required.assign((children.size() + 62) / 64, 0);
    for (std::size_t i = 0; i + 1 < children.size(); ++i) {
      const std::int32_t child = children[i + 1];
      if (expressions_.is_required(self, i) && !analysis_.nullable[child]) {
        region.required[i / 64] |= std::uint64_t{1} << (i % 64);
      }
      const std::int32_t end = add({Op::member_end, static_cast<std::int32_t>(i)});
      region.members.push_back(build(child, end));
    }
    region.separator_may_be_empty = analysis_.nullable[children[0]];
    region.separator = build(children[0], add({Op::separator_end}));
    region.start = add({Op::members});
  }

  /// The regions that `region` may begin with.
  std::vector<std::int32_t> beginnings(const Region& region) {
    std::vector<std::int32_t> found, stack, seen_list;
    if (region.kind == Region::Kind::unordered) {
      stack = region.members;
    } else {
      stack.push_back(region.start);
    }
    while (!stack.empty()) {
      const std::int32_t at = stack.back();
      stack.pop_back();
      if (seen_[at]) continue;
      seen_[at] = true;
      seen_list.push_back(at);
      const Position& position = program_.positions[at];
      if (position.op == Op::call) found.push_back(position.a);
      if (position.op == Op::split) {
        stack.insert(stack.end(), program_.targets.begin() + position.a,
                     program_.targets.begin() + position.a + position.b);
      }
    }
    for (const std::int32_t at : seen_list) seen_[at] = false;
    return found;
  }

  /// Numbers every region before those that it may begin with: the reverse of the order in which a
  /// depth-first search leaves them.
  void order_regions() {
    seen_.assign(program_.positions.size(), false);
    std::vector<std::uint8_t> visited(program_.regions.size(), false);
    auto next = static_cast<std::int32_t>(program_.regions.size());
    struct Visit {
      std::int32_t region;
      std::vector<std::int32_t> rest;
    };
    std::vector<Visit> path;
    for (std::size_t i = 0; i < program_.regions.size(); ++i) {
      if (visited[i]) continue;
      visited[i] = true;
      path.push_back({static_cast<std::int32_t>(i), beginnings(program_.regions[i])});
      while (!path.empty()) {
        Visit& top = path.back();
        if (top.rest.empty()) {
          program_.regions[top.region].order = --next;
          path.pop_back();
          continue;
        }
        const std::int32_t region = top.rest.back();
        top.rest.pop_back();
        if (visited[region]) continue;
        visited[region] = true;
        path.push_back({region, beginnings(program_.regions[region])});
      }
    }
  }

  const Expressions& expressions_;
  const std::vector<Node>& nodes_;
  Analysis analysis_;
  std::int32_t root_ = 0;
  std::vector<std::int32_t> uses_, size_;
  std::vector<bool> has_rule_;
  Program program_;
  std::unordered_map<std::int32_t, std::int32_t> regions_;
  std::vector<std::int32_t> region_nodes_;
  std::vector<bool> seen_;
  int nesting_ = 0;
};

}  // namespace

Program build_program(const Expressions& expressions, Expr root) {
  return Builder(expressions, root).build();
}

}  // namespace llm::grammar
