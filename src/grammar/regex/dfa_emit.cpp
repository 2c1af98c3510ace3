// Automaton to expression: states that several edges lead to become rules, others are written
// where they are needed.
#include <map>

#include "grammar/regex/dfa.h"

namespace llm::grammar {
namespace {

class Emitter {
 public:
  Emitter(JsonText& out, const Dfa& dfa, Spelling spelling)
      : out_(out), e_(out.expressions()), dfa_(dfa), spelling_(spelling) {}

  Expr emit() {
    std::vector<int> uses(dfa_.states.size(), 0);
    uses[0] = 1;
    for (std::size_t s = 0; s < dfa_.states.size(); ++s) {
      for (const Dfa::Edge& edge : dfa_.states[s].edges) {
        const auto target = static_cast<std::size_t>(edge.target);
        if (target != s) ++uses[target];
      }
    }
    for (const int count : uses) is_rule_.push_back(count > 1);
    const Expr root = reference(0, 0);
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      e_.define(rules_.at(pending_[i]), body(pending_[i], 0));
    }
    return root;
  }

 private:
  static constexpr int kMaxInlined = 30;

  const Dfa::State& state(int s) const { return dfa_.states[static_cast<std::size_t>(s)]; }

  /// Small enough to be written at every use: only loops.
  bool is_leaf(int s) const {
    for (const Dfa::Edge& edge : state(s).edges) {
      if (edge.target != s) return false;
    }
    return true;
  }

  Expr reference(int s, int depth) {
    if (is_leaf(s) || (!is_rule_[static_cast<std::size_t>(s)] && depth < kMaxInlined)) {
      return body(s, depth);
    }
    if (const auto found = rules_.find(s); found != rules_.end()) return found->second;
    const Expr rule = e_.rule("state " + std::to_string(serial()) + " " + std::to_string(s));
    rules_.emplace(s, rule);
    pending_.push_back(s);
    return rule;
  }

  /// Makes names unique: no two expressions have the same index.
  int serial() {
    if (serial_ < 0) serial_ = e_.literal("state").index;
    return serial_;
  }

  Expr body(int s, int depth) {
    std::vector<int> order;
    std::map<int, CodeRanges> chars;
    for (const Dfa::Edge& edge : state(s).edges) {
      CodeRanges& set = chars[edge.target];
      if (set.empty()) order.push_back(edge.target);
      set.push_back({edge.first, edge.last});
    }
    std::vector<Expr> choices;
    for (const int target : order) {
      if (target == s) continue;
      const Expr character = out_.character(normalized(chars[target]), spelling_);
      choices.push_back(is_leaf(target) && state(target).edges.empty()
                            ? character
                            : e_.sequence({character, reference(target, depth + 1)}));
    }
    if (state(s).accepts) choices.push_back(e_.empty());
    const Expr next = choices.size() == 1 ? choices.front() : e_.choice(std::move(choices));
    const auto loop = chars.find(s);
    if (loop == chars.end()) return next;
    const Expr repeated = e_.repeat(out_.character(normalized(loop->second), spelling_), 0);
    return is_leaf(s) ? repeated : e_.sequence({repeated, next});
  }

  JsonText& out_;
  Expressions& e_;
  const Dfa& dfa_;
  Spelling spelling_;
  std::vector<char> is_rule_;
  std::map<int, Expr> rules_;
  std::vector<int> pending_;
  int serial_ = -1;
};

}  // namespace

Expr add_dfa(JsonText& out, const Dfa& dfa, Spelling spelling) {
  if (dfa.is_empty()) return out.expressions().nothing();
  return Emitter(out, minimized(dfa), spelling).emit();
}

}  // namespace llm::grammar
