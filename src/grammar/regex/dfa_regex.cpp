// Regular expression to automaton: Thompson's construction, then subsets. Assertions are edges
// without a character, open or closed by what stands before and behind.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "grammar/regex/dfa.h"

namespace llm::grammar {
namespace {

using Kind = RegexNode::Kind;

struct NfaState {
  const CodeRanges* chars = nullptr;  // of the edge to next[0]
  Kind assertion = Kind::empty;       // of the edges to `next`, when there are no `chars`
  std::vector<int> next;
};

struct Nfa {
  static constexpr std::size_t kMaxStates = 20'000;

  std::vector<NfaState> states;
  int start = 0, rest = 0;  // `rest` reads everything behind a match
  bool has_word_edges = false;
};

class NfaBuilder {
 public:
  explicit NfaBuilder(const Regex& regex) : regex_(regex) {}

  Nfa build() {
    nfa_.rest = loop_over_all(-1);
    nfa_.start = loop_over_all(add(regex_.root_index(), nfa_.rest));
    return std::move(nfa_);
  }

 private:
  int new_state(NfaState state) {
    if (nfa_.states.size() >= Nfa::kMaxStates) throw TooComplex("the pattern is too large");
    nfa_.states.push_back(std::move(state));
    return static_cast<int>(nfa_.states.size()) - 1;
  }
  std::vector<int>& next_of(int state) { return nfa_.states[static_cast<std::size_t>(state)].next; }

  int loop_over_all(int next) {
    const int loop = new_state({});
    const int reader = new_state({&all_characters(), Kind::empty, {loop}});
    next_of(loop).push_back(reader);
    if (next >= 0) next_of(loop).push_back(next);
    return loop;
  }

  /// The state that reads node `index` and goes on in `next`.
  int add(int index, int next) {
    const RegexNode& node = regex_.nodes[static_cast<std::size_t>(index)];
    switch (node.kind) {
      case Kind::empty:
        return next;
      case Kind::chars:
        return new_state({&node.chars, Kind::empty, {next}});
      case Kind::sequence:
        for (std::size_t i = node.parts.size(); i-- > 0;) next = add(node.parts[i], next);
        return next;
      case Kind::choice: {
        NfaState split;
        for (const int part : node.parts) split.next.push_back(add(part, next));
        return new_state(std::move(split));
      }
      case Kind::repeat:
        return add_repeat(node, next);
      case Kind::word_edge:
      case Kind::no_word_edge:
        nfa_.has_word_edges = true;
        [[fallthrough]];
      case Kind::begin:
      case Kind::end:
        return new_state({nullptr, node.kind, {next}});
    }
    return next;
  }

  int add_repeat(const RegexNode& node, int next) {
    int tail = next;
    if (node.maximum == RegexNode::kNoMaximum) {
      tail = new_state({});
      const int body = add(node.parts[0], tail);
      next_of(tail) = {body, next};
    } else {
      for (int i = node.minimum; i < node.maximum; ++i) {
        const int body = add(node.parts[0], tail);
        tail = new_state({nullptr, Kind::empty, {body, next}});
      }
    }
    for (int i = 0; i < node.minimum; ++i) tail = add(node.parts[0], tail);
    return tail;
  }

  const Regex& regex_;
  Nfa nfa_;
};

/// What stands beside a place in the text.
enum class Beside { edge, word, other };

class Subsets {
 public:
  explicit Subsets(const Nfa& nfa) : nfa_(nfa) {}

  Dfa build() {
    state_of({nfa_.start}, Beside::edge);
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      const auto [kernel, before] = sets_[i];
      dfa_.states[i].accepts = accepts(closure(kernel, before, Beside::edge));
      std::vector<Dfa::Edge> edges;
      if (nfa_.has_word_edges) {
        add_edges(edges, closure(kernel, before, Beside::word), word_characters(), Beside::word);
        add_edges(edges, closure(kernel, before, Beside::other), complement(word_characters()),
                  Beside::other);
      } else {
        add_edges(edges, closure(kernel, before, Beside::other), all_characters(), Beside::other);
      }
      std::sort(edges.begin(), edges.end(),
                [](const Dfa::Edge& a, const Dfa::Edge& b) { return a.first < b.first; });
      dfa_.states[i].edges = std::move(edges);
    }
    return minimized(trimmed(dfa_));
  }

 private:
  using Set = std::vector<int>;  // sorted

  int state_of(Set kernel, Beside before) {
    // Behind a match nothing else matters.
    if (std::binary_search(kernel.begin(), kernel.end(), nfa_.rest)) kernel = {nfa_.rest};
    const auto [place, is_new] =
        known_.emplace(std::pair(std::move(kernel), before), static_cast<int>(dfa_.states.size()));
    if (is_new) {
      if (dfa_.states.size() >= Dfa::kMaxStates) throw TooComplex("the pattern is too complex");
      dfa_.states.emplace_back();
      sets_.push_back(place->first);
    }
    return place->second;
  }

  bool accepts(const Set& set) const {
    return std::find(set.begin(), set.end(), nfa_.rest) != set.end();
  }

  static bool is_open(Kind assertion, Beside before, Beside behind) {
    switch (assertion) {
      case Kind::begin:
        return before == Beside::edge;
      case Kind::end:
        return behind == Beside::edge;
      case Kind::word_edge:
        return (before == Beside::word) != (behind == Beside::word);
      case Kind::no_word_edge:
        return (before == Beside::word) == (behind == Beside::word);
      default:
        return true;
    }
  }

  Set closure(const Set& kernel, Beside before, Beside behind) {
    Set work = kernel, out;
    ++round_;
    seen_.resize(nfa_.states.size(), 0);
    while (!work.empty()) {
      const auto s = static_cast<std::size_t>(work.back());
      work.pop_back();
      if (std::exchange(seen_[s], round_) == round_) continue;
      if (--budget_ < 0) throw TooComplex("the pattern is too complex");
      out.push_back(static_cast<int>(s));
      const NfaState& state = nfa_.states[s];
      if (state.chars || !is_open(state.assertion, before, behind)) continue;
      work.insert(work.end(), state.next.begin(), state.next.end());
    }
    return out;
  }

  void add_edges(std::vector<Dfa::Edge>& edges, const Set& set, const CodeRanges& allowed,
                 Beside kind) {
    struct Move {
      CodeRanges chars;
      int target;
    };
    std::vector<Move> moves;
    std::set<char32_t> cuts;
    for (const int s : set) {
      const NfaState& state = nfa_.states[static_cast<std::size_t>(s)];
      if (!state.chars) continue;
      moves.push_back({intersection(*state.chars, allowed), state.next[0]});
      for (const CodeRange& range : moves.back().chars) {
        cuts.insert(range.first);
        cuts.insert(range.last + 1);
      }
    }
    for (auto cut = cuts.begin(); cut != cuts.end() && std::next(cut) != cuts.end(); ++cut) {
      Set kernel;
      budget_ -= static_cast<long>(moves.size());
      if (budget_ < 0) throw TooComplex("the pattern is too complex");
      for (const Move& move : moves) {
        if (contains(move.chars, *cut)) kernel.push_back(move.target);
      }
      if (kernel.empty()) continue;
      std::sort(kernel.begin(), kernel.end());
      kernel.erase(std::unique(kernel.begin(), kernel.end()), kernel.end());
      edges.push_back({*cut, *std::next(cut) - 1, state_of(std::move(kernel), kind)});
    }
  }

  const Nfa& nfa_;
  Dfa dfa_;
  std::map<std::pair<Set, Beside>, int> known_;
  std::vector<std::pair<Set, Beside>> sets_;
  std::vector<int> seen_;
  int round_ = 0;
  long budget_ = 1'500'000;
};

}  // namespace

Dfa regex_dfa(const Regex& regex) {
  const Nfa nfa = NfaBuilder(regex).build();
  return Subsets(nfa).build();
}

}  // namespace llm::grammar
