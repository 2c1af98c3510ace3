// What a region does with tokens, and with rests of tokens, whatever called it: the part of a mask
// that is shared between all stacks.
//
// Where a region ends inside of a token, the rest of the token belongs to what follows the region,
// which again is in a region: rests are a set of subtrees of the vocabulary's trie, and what a
// region does with one such set is as good for the next stack as what it does with all tokens.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "grammar/automaton/automaton.h"
#include "grammar/mask/vocabulary.h"

namespace llm::grammar {

struct RegionMask;

/// A set of bytes.
using ByteSet = std::array<std::uint64_t, 4>;

/// Rests of tokens by their first nodes, whose bytes have been read.
struct Rests {
  std::vector<std::uint32_t> nodes;
  std::uint32_t size = 0;                                     // nodes, with those below
  mutable std::map<const State*, const RegionMask*> masks{};  // of states inside of regions
};

struct RegionMask {
  /// What the region reads, or reads until it ends: a bit per token, or a list where they are few.
  std::vector<std::uint64_t> bits;
  std::vector<TokenId> tokens;
  /// Nodes before which the region may end.
  std::vector<std::uint32_t> exits;
  struct Byte {
    std::uint8_t byte;
    std::uint32_t begin, end;  // in `exits`, those of this byte
    std::uint32_t size;        // nodes, with those below
  };
  std::vector<Byte> bytes;
  mutable std::map<ByteSet, const Rests*> rests{};  // made of the exits with these bytes

  void add_to(std::vector<std::uint64_t>& set) const;
};

/// Both keep what they make with the automaton. `local` comes from Automaton::inside(). `is_new`:
/// it had to be made.
const RegionMask& region_mask(Automaton& automaton, const State* local,
                              const Vocabulary& vocabulary);
const RegionMask& region_mask(Automaton& automaton, const State* local, const Rests& rests,
                              const Vocabulary& vocabulary, bool& is_new);
/// The rests of tokens that leave the region with one of these bytes.
const Rests& rests_behind(Automaton& automaton, const RegionMask& mask, const ByteSet& bytes);

}  // namespace llm::grammar
