#include "grammar/mask/trie_walk.h"

#include <algorithm>

#include "grammar/automaton/utf8_state.h"

namespace llm::grammar {
namespace {

constexpr int kManyBytes = 10;  // live ones from which bits for all tokens pay: digits, for one
constexpr std::uint32_t kManyNodes = 4000;  // the same for tokens that begin with a live byte
constexpr int kDense = 24;                  // live bytes from which a state may keep many texts

/// Whether every character beyond ASCII leads back to `state`.
bool loops_on_characters(Automaton& automaton, const State* state) {
  std::vector<std::pair<const State*, int>> seen = {{state, kCharacterBoundary}};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto [at, character] = seen[i];
    for (int byte = 0x80; byte < 256; ++byte) {
      const int next_character = next_utf8_state(character, byte);
      if (next_character < 0) continue;
      const State* next = automaton.step(at, static_cast<std::uint8_t>(byte));
      if (next->is_dead()) return false;
      if (next_character == kCharacterBoundary) {
        if (next != state) return false;
        continue;
      }
      const std::pair<const State*, int> pair = {next, next_character};
      if (std::find(seen.begin(), seen.end(), pair) == seen.end()) seen.push_back(pair);
      if (seen.size() > 64) return false;
    }
  }
  return true;
}

/// The kinds of bytes that leave `state` as it is.
ByteKinds loop_kinds(Automaton& automaton, const State* state) {
  if (const std::uint64_t known = state->loop_kinds.load(std::memory_order_relaxed)) {
    return static_cast<ByteKinds>(known);
  }
  ByteKinds loops = ~(kBrokenCharacters | kOtherCharacters), changing = 0;
  for (int byte = 0; byte < 0x80; ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    if (automaton.step(state, value) != state) changing |= kind_of(value);
  }
  loops &= ~changing;
  if (loops_on_characters(automaton, state)) loops |= kOtherCharacters;
  state->loop_kinds.store(std::uint64_t{1} << 32 | loops, std::memory_order_relaxed);
  return loops;
}

}  // namespace

bool reads_little(const State* state, const Vocabulary& vocabulary) {
  if (state->live_count >= kManyBytes) return false;
  std::uint32_t count = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    const std::uint32_t node = state->reads(value) ? vocabulary.first_node(value) : 0;
    if (node != 0) count += vocabulary.nodes()[node].end - node;
  }
  return count < kManyNodes;
}

bool keeps(Automaton& automaton, const State* state, ByteKinds kinds) {
  return state->live_count >= kDense && (kinds & ~loop_kinds(automaton, state)) == 0;
}

}  // namespace llm::grammar
