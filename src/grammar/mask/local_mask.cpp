#include "grammar/mask/local_mask.h"

#include <algorithm>
#include <memory>

namespace llm::grammar {
namespace {

/// Puts the subtrees of many nodes over each other.
class RestMerger {
 public:
  RestMerger(const Vocabulary& vocabulary, RestTrie& trie)
      : nodes_(vocabulary.nodes()), trie_(trie) {}

  /// `same`: nodes that are reached by the same text. Recursion is as deep as the longest token.
  void merge(const std::vector<std::uint32_t>& same, int depth) {
    if (same.size() == 1) return copy(same[0], depth);
    const std::size_t index = begin(same[0], depth);
    std::array<std::uint32_t, 257> first{};
    ByteKinds kinds = 0;
    std::size_t count = 0;
    for (const std::uint32_t node : same) {
      add_ranks(node);
      kinds |= nodes_[node].kinds;
      for_children(node, [&](std::uint32_t child) {
        ++first[nodes_[child].byte + 1];
        ++count;
      });
    }
    trie_.nodes[index].kinds = kinds;
    if (count > 0) {
      for (int byte = 0; byte < 256; ++byte) first[byte + 1] += first[byte];
      std::vector<std::uint32_t> children(count);
      std::array<std::uint32_t, 257> next = first;
      for (const std::uint32_t node : same) {
        for_children(node,
                     [&](std::uint32_t child) { children[next[nodes_[child].byte]++] = child; });
      }
      for (int byte = 0; byte < 256; ++byte) {
        if (first[byte] == first[byte + 1]) continue;
        merge({children.begin() + first[byte], children.begin() + first[byte + 1]}, depth + 1);
      }
    }
    trie_.nodes[index].end = static_cast<std::uint32_t>(trie_.nodes.size());
  }

 private:
  template <class Visit>
  void for_children(std::uint32_t node, Visit visit) const {
    for (std::uint32_t i = node + 1; i < nodes_[node].end; i = nodes_[i].end) visit(i);
  }

  std::size_t begin(std::uint32_t node, int depth) {
    trie_.nodes.push_back({.end = 0,
                           .first = static_cast<std::uint32_t>(trie_.ranks.size()),
                           .kinds = nodes_[node].kinds,
                           .depth = static_cast<std::uint16_t>(depth),
                           .byte = nodes_[node].byte});
    trie_.deepest = std::max(trie_.deepest, depth);
    return trie_.nodes.size() - 1;
  }

  void add_ranks(std::uint32_t node) {
    for (std::uint32_t rank = nodes_[node].first_rank; rank < nodes_[node + 1].first_rank; ++rank) {
      trie_.ranks.push_back(rank);
    }
  }

  void copy(std::uint32_t node, int depth) {
    const std::size_t before = trie_.nodes.size();
    for (std::uint32_t i = node; i < nodes_[node].end; ++i) {
      begin(i, depth + nodes_[i].depth - nodes_[node].depth);
      trie_.nodes.back().end = static_cast<std::uint32_t>(before + nodes_[i].end - node);
      add_ranks(i);
    }
  }

  std::span<const Vocabulary::Node> nodes_;
  RestTrie& trie_;
};

}  // namespace

const LocalMask& local_mask(Automaton& automaton, const State* local,
                            const Vocabulary& vocabulary) {
  if (const auto* known = local->local_mask.load(std::memory_order_acquire)) return *known;
  auto mask = std::make_shared<LocalMask>();
  mask->bits.assign((vocabulary.rank_count() + 63) / 64, 0);
  std::vector<std::uint32_t> rests;
  Walk(automaton, vocabulary, RankBits{mask->bits}).below(0, local, &rests);
  const auto nodes = vocabulary.nodes();
  for (const std::uint32_t node : rests) ++mask->first[nodes[node].byte + 1];
  for (int byte = 0; byte < 256; ++byte) mask->first[byte + 1] += mask->first[byte];
  mask->rests.resize(rests.size());
  std::array<std::uint32_t, 257> next = mask->first;
  for (const std::uint32_t node : rests) {
    const Vocabulary::Node& at = nodes[node];
    mask->rests[next[at.byte]++] = {
        .node = node,
        .first_rank = at.first_rank,
        .count = static_cast<std::uint16_t>(nodes[node + 1].first_rank - at.first_rank),
        .depth = at.depth,
        .is_leaf = at.end == node + 1};
  }

  const std::lock_guard lock(automaton.mask_mutex());
  if (const auto* other = local->local_mask.load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(mask);
  automaton.add_bytes(sizeof(LocalMask) + mask->bits.size() * 8 +
                      mask->rests.size() * sizeof(LocalMask::Rest));
  local->local_mask.store(mask.get(), std::memory_order_release);
  return *mask;
}

const RestTrie& rest_trie(Automaton& automaton, const LocalMask& mask, std::uint8_t byte,
                          const Vocabulary& vocabulary) {
  if (const auto* known = mask.tries[byte].load(std::memory_order_acquire)) return *known;
  const auto trie = std::make_shared<RestTrie>();
  std::vector<std::uint32_t> nodes;
  for (std::uint32_t i = mask.first[byte]; i < mask.first[byte + 1]; ++i) {
    nodes.push_back(mask.rests[i].node);
  }
  RestMerger(vocabulary, *trie).merge(nodes, 0);
  trie->nodes.push_back({.end = static_cast<std::uint32_t>(trie->nodes.size()),
                         .first = static_cast<std::uint32_t>(trie->ranks.size()),
                         .kinds = 0,
                         .depth = 0,
                         .byte = 0});
  const std::lock_guard lock(automaton.mask_mutex());
  if (const auto* other = mask.tries[byte].load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(trie);
  automaton.add_bytes(trie->nodes.size() * sizeof(RestTrie::Node) + trie->ranks.size() * 4);
  mask.tries[byte].store(trie.get(), std::memory_order_release);
  return *trie;
}

void walk_rests(Automaton& automaton, const RestTrie& trie, const State* state, RankBits found) {
  const std::uint64_t limit = automaton.work() + kMaxWork;
  const auto add = [&](std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t i = trie.nodes[begin].first; i < trie.nodes[end].first; ++i) {
      found.bits[trie.ranks[i] / 64] |= std::uint64_t{1} << (trie.ranks[i] % 64);
    }
  };
  std::vector<const State*> states(static_cast<std::size_t>(trie.deepest) + 1);
  states[0] = state;
  const auto end = static_cast<std::uint32_t>(trie.nodes.size()) - 1;
  if (keeps(automaton, state, trie.nodes[0].kinds)) return add(0, end);
  add(0, 1);
  for (std::uint32_t i = 1; i < end;) {
    const RestTrie::Node& at = trie.nodes[i];
    const State* before = states[at.depth - 1];
    const State* now = automaton.step(before, at.byte);
    if (now->is_dead()) {
      i = at.end;
      if (automaton.work() > limit) return;
    } else if (now == before && at.end - i > 1 && keeps(automaton, now, at.kinds)) {
      add(i, at.end);
      i = at.end;
    } else {
      add(i, i + 1);
      states[at.depth] = now;
      ++i;
    }
  }
}

}  // namespace llm::grammar
