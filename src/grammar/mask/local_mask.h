// What a region does with all tokens, whatever called it: the part of a mask that is shared.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "grammar/automaton/automaton.h"
#include "grammar/mask/trie_walk.h"
#include "grammar/mask/vocabulary.h"

namespace llm::grammar {

/// Rests of tokens as a trie of their own: many tokens go on in the same way.
struct RestTrie {
  struct Node {
    std::uint32_t end;    // the node behind this one's subtree
    std::uint32_t first;  // into `ranks`: the tokens that end here; the subtree's follow
    ByteKinds kinds;
    std::uint16_t depth;
    std::uint8_t byte;
  };
  std::vector<Node> nodes;  // depth first, node 0 is the rests' first byte; a sentinel at the end
  std::vector<std::uint32_t> ranks;
  int deepest = 0;
};

struct LocalMask {
  std::vector<std::uint64_t> bits;  // ranks of tokens that the region reads, or reads until it ends
  /// What may follow the region inside of tokens, by its first byte: those of byte b are
  /// [first[b], first[b + 1]).
  struct Rest {
    std::uint32_t node;  // of that byte
    std::uint32_t first_rank;
    std::uint16_t count;  // tokens that end at the node
    std::uint16_t depth : 15, is_leaf : 1;
  };
  std::vector<Rest> rests;
  std::array<std::uint32_t, 257> first{};
  mutable std::array<std::atomic<const RestTrie*>, 256> tries{};  // of many rests, when needed
};

/// Kept with the state. `local` comes from Automaton::inside().
const LocalMask& local_mask(Automaton& automaton, const State* local, const Vocabulary& vocabulary);
/// The rests that begin with `byte`. Kept with the mask.
const RestTrie& rest_trie(Automaton& automaton, const LocalMask& mask, std::uint8_t byte,
                          const Vocabulary& vocabulary);
/// The tokens whose rests are read from `state` on, which their first byte has led to. Nothing when
/// that costs too much.
void walk_rests(Automaton& automaton, const RestTrie& trie, const State* state, RankBits found);

}  // namespace llm::grammar
