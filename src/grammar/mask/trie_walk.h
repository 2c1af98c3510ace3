// Reading the tokens of a vocabulary, as a trie, from a state of an automaton on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "grammar/automaton/automaton.h"
#include "grammar/mask/vocabulary.h"

namespace llm::grammar {

/// Steps in items that one mask may cost. What a hostile grammar leaves undecided is forbidden.
inline constexpr std::uint64_t kMaxWork = 3'000'000;
inline constexpr std::uint32_t kLargeSubtree = 24;  // nodes from which a look at its kinds pays

/// A set of ranks, a bit for each.
struct RankBits {
  std::vector<std::uint64_t>& bits;
  void add(std::uint32_t begin, std::uint32_t end) const {
    if (begin >= end) return;
    const std::uint32_t first = begin / 64, last = (end - 1) / 64;
    const std::uint64_t from = ~std::uint64_t{0} << (begin % 64);
    const std::uint64_t to = ~std::uint64_t{0} >> (63 - (end - 1) % 64);
    if (first == last) {
      bits[first] |= from & to;
      return;
    }
    bits[first] |= from;
    for (std::uint32_t i = first + 1; i < last; ++i) bits[i] = ~std::uint64_t{0};
    bits[last] |= to;
  }
};

/// The same as ranges, in order: for states that read few bytes.
struct RankRanges {
  std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges;
  void add(std::uint32_t begin, std::uint32_t end) const {
    if (begin >= end) return;
    if (!ranges.empty() && ranges.back().second == begin) {
      ranges.back().second = end;
    } else {
      ranges.emplace_back(begin, end);
    }
  }
};

/// Ranks become tokens, some of them perhaps more than once.
struct TokenList {
  const Vocabulary& vocabulary;
  std::vector<TokenId>& tokens;
  void add(std::uint32_t begin, std::uint32_t end) const {
    const auto added = vocabulary.ranked().subspan(begin, end - begin);
    tokens.insert(tokens.end(), added.begin(), added.end());
  }
};

/// Ranks become a bit per token.
struct TokenBits {
  const Vocabulary& vocabulary;
  std::vector<std::uint64_t>& bits;
  void add(std::uint32_t begin, std::uint32_t end) const {
    for (std::uint32_t rank = begin; rank < end; ++rank) add(vocabulary.token(rank));
  }
  void add(TokenId token) const { bits[token / 64] |= std::uint64_t{1} << (token % 64); }
};

/// Whether few tokens begin with a byte that `state` reads: a list of tokens will do.
bool reads_little(const State* state, const Vocabulary& vocabulary);

/// Whether bytes of these kinds leave `state` as it is, as far as is worth finding out.
bool keeps(Automaton& automaton, const State* state, ByteKinds kinds);

template <class Found>
class Walk {
 public:
  Walk(Automaton& automaton, const Vocabulary& vocabulary, Found found)
      : automaton_(automaton),
        vocabulary_(vocabulary),
        nodes_(vocabulary.nodes()),
        found_(found),
        states_(std::make_unique_for_overwrite<const State*[]>(
            static_cast<std::size_t>(vocabulary.longest()) + 1)),
        work_limit_(automaton.work() + kMaxWork) {}

  /// All tokens, read from `state` on.
  void all(const State* state) {
    states_[0] = state;
    for (int byte = 0; byte < 256; ++byte) {
      const auto value = static_cast<std::uint8_t>(byte);
      const std::uint32_t node = state->reads(value) ? vocabulary_.first_node(value) : 0;
      if (node != 0) range(node, nodes_[node].end, nullptr);
    }
  }

  /// The tokens of `node`, whose byte led to `state`, and of what is below it. `exits`: gets the
  /// nodes before which the text read from there on may be accepted.
  void from(std::uint32_t node, const State* state, std::vector<std::uint32_t>* exits = nullptr) {
    if (skips(node, state)) return;
    found_.add(nodes_[node].first_rank, nodes_[node + 1].first_rank);
    states_[nodes_[node].depth] = state;
    range(node + 1, nodes_[node].end, exits);
  }

  bool is_exhausted() const { return automaton_.work() > work_limit_; }

 private:
  /// REQUIRES: the states above `begin` are known.
  void range(std::uint32_t begin, std::uint32_t end, std::vector<std::uint32_t>* exits) {
    for (std::uint32_t i = begin; i < end;) {
      const Vocabulary::Node& at = nodes_[i];
      const State* before = states_[at.depth - 1];
      const bool was_left = exits != nullptr && before->is_accepting;
      const State* now = automaton_.step(before, at.byte);
      if (now->is_dead()) {
        if (was_left) exits->push_back(i);
        i = at.end;
        if (automaton_.work() > work_limit_) return;
        continue;
      }
      if (now == before && skips(i, now)) {
        // All of it is read without leaving: what would follow the region adds nothing.
        i = at.end;
        continue;
      }
      found_.add(at.first_rank, nodes_[i + 1].first_rank);
      if (was_left) exits->push_back(i);
      states_[at.depth] = now;
      ++i;
    }
  }

  /// Adds all tokens of a subtree whose bytes leave the state as it is.
  bool skips(std::uint32_t node, const State* state) {
    const Vocabulary::Node& at = nodes_[node];
    if (at.end - node < kLargeSubtree || !keeps(automaton_, state, at.kinds)) return false;
    found_.add(at.first_rank, nodes_[at.end].first_rank);
    return true;
  }

  Automaton& automaton_;
  const Vocabulary& vocabulary_;
  std::span<const Vocabulary::Node> nodes_;
  Found found_;
  std::unique_ptr<const State*[]> states_;  // by depth
  std::uint64_t work_limit_;
};

}  // namespace llm::grammar
