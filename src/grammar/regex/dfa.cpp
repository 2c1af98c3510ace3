#include "grammar/regex/dfa.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/utf8.h"

namespace llm::grammar {
namespace {

[[noreturn]] void too_complex() {
  throw TooComplex("the automaton would be too large");
}

int add_state(Dfa& dfa, bool accepts) {
  if (dfa.states.size() >= Dfa::kMaxStates) too_complex();
  dfa.states.push_back({{}, accepts});
  return static_cast<int>(dfa.states.size()) - 1;
}

int target_of(const Dfa::State& state, char32_t c) {
  const auto next =
      std::upper_bound(state.edges.begin(), state.edges.end(), c,
                       [](char32_t value, const Dfa::Edge& edge) { return value < edge.first; });
  if (next == state.edges.begin() || std::prev(next)->last < c) return -1;
  return std::prev(next)->target;
}

/// Edges of all characters to `target`.
std::vector<Dfa::Edge> all_to(int target) {
  std::vector<Dfa::Edge> edges;
  for (const CodeRange& range : all_characters()) {
    edges.push_back({range.first, range.last, target});
  }
  return edges;
}

/// Adds an edge behind the others, merged with the last one where they touch.
void append(std::vector<Dfa::Edge>& edges, Dfa::Edge edge) {
  if (!edges.empty() && edges.back().target == edge.target && edges.back().last + 1 == edge.first) {
    edges.back().last = edge.last;
  } else {
    edges.push_back(edge);
  }
}

/// Which states lead to an accepting one.
std::vector<char> live_states(const Dfa& dfa) {
  std::vector<std::vector<int>> sources(dfa.states.size());
  std::vector<char> live(dfa.states.size(), 0);
  std::vector<int> work;
  for (std::size_t s = 0; s < dfa.states.size(); ++s) {
    for (const Dfa::Edge& edge : dfa.states[s].edges) {
      sources[static_cast<std::size_t>(edge.target)].push_back(static_cast<int>(s));
    }
    if (dfa.states[s].accepts) {
      live[s] = 1;
      work.push_back(static_cast<int>(s));
    }
  }
  while (!work.empty()) {
    const auto s = static_cast<std::size_t>(work.back());
    work.pop_back();
    for (const int source : sources[s]) {
      if (std::exchange(live[static_cast<std::size_t>(source)], 1) == 0) work.push_back(source);
    }
  }
  return live;
}

}  // namespace

bool Dfa::matches(std::string_view text) const {
  if (is_empty()) return false;
  int state = 0;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded next = utf8::decode(text, at);
    state = target_of(states[static_cast<std::size_t>(state)], next.code_point);
    if (state < 0) return false;
    at += static_cast<std::size_t>(next.length);
  }
  return states[static_cast<std::size_t>(state)].accepts;
}

Dfa length_dfa(int minimum, int maximum) {
  Dfa dfa;
  const int last = std::max(minimum, maximum);
  for (int n = 0; n <= last; ++n) {
    const int state = add_state(dfa, n >= minimum && (maximum < 0 || n <= maximum));
    if (n < last) dfa.states.back().edges = all_to(state + 1);
  }
  if (maximum < 0) dfa.states.back().edges = all_to(last);
  return trimmed(dfa);
}

Dfa words_dfa(std::vector<std::string> words) {
  Dfa dfa;
  add_state(dfa, false);
  // Sorted UTF-8 is sorted by code points, so edges come in order.
  std::sort(words.begin(), words.end());
  for (const std::string& word : words) {
    int state = 0;
    for (std::size_t at = 0; at < word.size();) {
      const utf8::Decoded next = utf8::decode(word, at);
      at += static_cast<std::size_t>(next.length);
      int target = target_of(dfa.states[static_cast<std::size_t>(state)], next.code_point);
      if (target < 0) {
        target = add_state(dfa, false);
        dfa.states[static_cast<std::size_t>(state)].edges.push_back(
            {next.code_point, next.code_point, target});
      }
      state = target;
    }
    dfa.states[static_cast<std::size_t>(state)].accepts = true;
  }
  return trimmed(dfa);
}

Dfa containing_dfa(std::string_view text) {
  Regex regex;
  RegexNode all;
  all.kind = RegexNode::Kind::sequence;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded next = utf8::decode(text, at);
    at += static_cast<std::size_t>(next.length);
    RegexNode node;
    node.kind = RegexNode::Kind::chars;
    node.chars = {{next.code_point, next.code_point}};
    all.parts.push_back(static_cast<int>(regex.nodes.size()));
    regex.nodes.push_back(std::move(node));
  }
  regex.nodes.push_back(std::move(all));
  return regex_dfa(regex);
}

Dfa complement(const Dfa& dfa) {
  Dfa out = dfa;
  if (out.is_empty()) add_state(out, false);
  const int sink = add_state(out, false);
  for (Dfa::State& state : out.states) {
    state.accepts = !state.accepts;
    std::vector<Dfa::Edge> edges;
    CodeRanges taken;
    for (const Dfa::Edge& edge : state.edges) taken.push_back({edge.first, edge.last});
    for (const CodeRange& range : complement(normalized(std::move(taken)))) {
      state.edges.push_back({range.first, range.last, sink});
    }
    std::sort(state.edges.begin(), state.edges.end(),
              [](const Dfa::Edge& a, const Dfa::Edge& b) { return a.first < b.first; });
    for (const Dfa::Edge& edge : state.edges) append(edges, edge);
    state.edges = std::move(edges);
  }
  return trimmed(out);
}

Dfa intersection(const Dfa& a, const Dfa& b) {
  Dfa out;
  if (a.is_empty() || b.is_empty()) return out;
  std::map<std::pair<int, int>, int> known;
  std::vector<std::pair<int, int>> pairs;
  const auto state_of = [&](int x, int y) {
    const auto [place, is_new] = known.emplace(std::pair(x, y), 0);
    if (is_new) {
      place->second = add_state(out, a.states[static_cast<std::size_t>(x)].accepts &&
                                         b.states[static_cast<std::size_t>(y)].accepts);
      pairs.emplace_back(x, y);
    }
    return place->second;
  };
  state_of(0, 0);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto [x, y] = pairs[i];
    const auto& left = a.states[static_cast<std::size_t>(x)].edges;
    const auto& right = b.states[static_cast<std::size_t>(y)].edges;
    std::vector<Dfa::Edge> edges;
    for (std::size_t l = 0, r = 0; l < left.size() && r < right.size();) {
      const char32_t first = std::max(left[l].first, right[r].first);
      const char32_t last = std::min(left[l].last, right[r].last);
      if (first <= last) append(edges, {first, last, state_of(left[l].target, right[r].target)});
      (left[l].last < right[r].last ? l : r) += 1;
    }
    out.states[i].edges = std::move(edges);
  }
  return trimmed(out);
}

Dfa trimmed(const Dfa& dfa) {
  Dfa out;
  if (dfa.is_empty()) return out;
  const std::vector<char> live = live_states(dfa);
  if (!live[0]) return out;
  std::vector<int> place(dfa.states.size(), -1), order = {0};
  place[0] = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Dfa::State& old = dfa.states[static_cast<std::size_t>(order[i])];
    Dfa::State state{{}, old.accepts};
    for (const Dfa::Edge& edge : old.edges) {
      const auto target = static_cast<std::size_t>(edge.target);
      if (!live[target]) continue;
      if (place[target] < 0) {
        place[target] = static_cast<int>(order.size());
        order.push_back(edge.target);
      }
      append(state.edges, {edge.first, edge.last, place[target]});
    }
    out.states.push_back(std::move(state));
  }
  return out;
}

/// Moore's refinement: states stay together while their edges lead to the same classes.
Dfa minimized(const Dfa& dfa) {
  constexpr int kMaxRounds = 64;
  const std::size_t count = dfa.states.size();
  std::vector<int> classes(count);
  for (std::size_t s = 0; s < count; ++s) classes[s] = dfa.states[s].accepts;
  std::size_t class_count = 0;
  for (int round = 0; round < kMaxRounds; ++round) {
    std::map<std::vector<std::uint32_t>, int> signatures;
    std::vector<int> next(count);
    for (std::size_t s = 0; s < count; ++s) {
      std::vector<Dfa::Edge> edges;
      for (const Dfa::Edge& edge : dfa.states[s].edges) {
        append(edges, {edge.first, edge.last, classes[static_cast<std::size_t>(edge.target)]});
      }
      std::vector<std::uint32_t> signature = {static_cast<std::uint32_t>(classes[s])};
      for (const Dfa::Edge& edge : edges) {
        signature.insert(signature.end(),
                         {edge.first, edge.last, static_cast<std::uint32_t>(edge.target)});
      }
      next[s] = signatures.emplace(std::move(signature), static_cast<int>(signatures.size()))
                    .first->second;
    }
    classes = std::move(next);
    if (signatures.size() == class_count) {
      Dfa out;
      out.states.resize(class_count);
      // The start is seen first, so its class is 0.
      for (std::size_t s = 0; s < count; ++s) {
        Dfa::State& state = out.states[static_cast<std::size_t>(classes[s])];
        state.accepts = dfa.states[s].accepts;
        state.edges.clear();
        for (const Dfa::Edge& edge : dfa.states[s].edges) {
          append(state.edges,
                 {edge.first, edge.last, classes[static_cast<std::size_t>(edge.target)]});
        }
      }
      return out;
    }
    class_count = signatures.size();
  }
  return dfa;
}

}  // namespace llm::grammar
