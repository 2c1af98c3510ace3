#include "grammar/mask/region_mask.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "grammar/mask/token_set.h"
#include "grammar/mask/trie_walk.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kFewExits = 32;  // which are sorted by comparing, not by counting

/// Sorts the exits by their bytes, those of one byte in the order of the trie.
void set_exits(RegionMask& mask, std::vector<std::uint32_t> exits,
               std::span<const Vocabulary::Node> nodes) {
  if (exits.empty()) return;
  if (!std::is_sorted(exits.begin(), exits.end())) std::sort(exits.begin(), exits.end());
  exits.erase(std::unique(exits.begin(), exits.end()), exits.end());
  if (exits.size() <= kFewExits) {
    std::stable_sort(exits.begin(), exits.end(), [&](std::uint32_t a, std::uint32_t b) {
      return nodes[a].byte < nodes[b].byte;
    });
    for (std::uint32_t i = 0; i < exits.size(); ++i) {
      const Vocabulary::Node& node = nodes[exits[i]];
      if (mask.bytes.empty() || mask.bytes.back().byte != node.byte) {
        mask.bytes.push_back({.byte = node.byte, .begin = i, .end = i, .size = 0});
      }
      mask.bytes.back().end = i + 1;
      mask.bytes.back().size += node.end - exits[i];
    }
    mask.exits = std::move(exits);
    return;
  }
  std::array<std::uint32_t, 257> first{};
  std::array<std::uint32_t, 256> size{};
  for (const std::uint32_t node : exits) {
    ++first[nodes[node].byte + 1];
    size[nodes[node].byte] += nodes[node].end - node;
  }
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const std::uint32_t count = first[byte + 1];
    first[byte + 1] += first[byte];
    if (count == 0) continue;
    mask.bytes.push_back({.byte = static_cast<std::uint8_t>(byte),
                          .begin = first[byte],
                          .end = first[byte + 1],
                          .size = size[byte]});
  }
  mask.exits.resize(exits.size());
  for (const std::uint32_t node : exits) mask.exits[first[nodes[node].byte]++] = node;
}

std::size_t bytes_of(const RegionMask& mask) {
  return sizeof mask + mask.bits.size() * 8 + mask.tokens.size() * 4 + mask.exits.size() * 4 +
         mask.bytes.size() * sizeof(RegionMask::Byte);
}

/// Tokens up to which a list is quicker to add than a bit for each of the vocabulary.
std::size_t few(const Vocabulary& vocabulary) {
  return static_cast<std::size_t>(vocabulary.size()) / 128;
}

void set_tokens(RegionMask& mask, std::vector<TokenId> tokens, const Vocabulary& vocabulary) {
  if (tokens.size() <= few(vocabulary)) {
    mask.tokens = std::move(tokens);
    mask.tokens.shrink_to_fit();
    return;
  }
  mask.bits.assign((static_cast<std::size_t>(vocabulary.size()) + 63) / 64, 0);
  const TokenBits bits{vocabulary, mask.bits};
  for (const TokenId token : tokens) bits.add(token);
}

}  // namespace

void RegionMask::add_to(std::vector<std::uint64_t>& set) const {
  for (std::size_t i = 0; i < bits.size(); ++i) set[i] |= bits[i];
  for (const TokenId token : tokens) set[token / 64] |= std::uint64_t{1} << (token % 64);
}

const RegionMask& region_mask(Automaton& automaton, const State* local,
                              const Vocabulary& vocabulary) {
  if (const auto* known = local->region_mask.load(std::memory_order_acquire)) return *known;
  const auto mask = std::make_shared<RegionMask>();
  std::vector<std::uint32_t> exits;
  if (reads_little(local, vocabulary)) {
    std::vector<TokenId> tokens;
    Walk(automaton, vocabulary, TokenList{vocabulary, tokens}).from(0, local, &exits);
    set_tokens(*mask, std::move(tokens), vocabulary);
  } else {
    std::vector<std::uint64_t> ranks((vocabulary.rank_count() + 63) / 64, 0);
    Walk(automaton, vocabulary, RankBits{ranks}).from(0, local, &exits);
    if (const std::uint32_t count = count_bits(ranks); count <= few(vocabulary)) {
      mask->tokens.reserve(count);
      for_bits(ranks, [&](std::uint32_t rank) { mask->tokens.push_back(vocabulary.token(rank)); });
    } else {
      mask->bits = token_bits(ranks, vocabulary);
    }
  }
  set_exits(*mask, std::move(exits), vocabulary.nodes());
  const std::lock_guard lock(automaton.mask_mutex());
  if (const auto* other = local->region_mask.load(std::memory_order_acquire)) return *other;
  automaton.attachments().push_back(mask);
  automaton.add_bytes(bytes_of(*mask));
  local->region_mask.store(mask.get(), std::memory_order_release);
  return *mask;
}

const RegionMask& region_mask(Automaton& automaton, const State* local, const Rests& rests,
                              const Vocabulary& vocabulary, bool& is_new) {
  is_new = false;
  {
    const std::lock_guard lock(automaton.mask_mutex());
    if (const auto known = rests.masks.find(local); known != rests.masks.end()) {
      return *known->second;
    }
  }
  const auto mask = std::make_shared<RegionMask>();
  std::vector<TokenId> tokens;
  std::vector<std::uint32_t> exits;
  Walk walk(automaton, vocabulary, TokenList{vocabulary, tokens});
  for (const std::uint32_t node : rests.nodes) walk.from(node, local, &exits);
  set_tokens(*mask, std::move(tokens), vocabulary);
  set_exits(*mask, std::move(exits), vocabulary.nodes());
  const std::lock_guard lock(automaton.mask_mutex());
  is_new = true;
  const auto [known, is_first] = rests.masks.try_emplace(local, mask.get());
  if (is_first) {
    automaton.attachments().push_back(mask);
    automaton.add_bytes(bytes_of(*mask) + 64);
  }
  return *known->second;
}

const Rests& rests_behind(Automaton& automaton, const RegionMask& mask, const ByteSet& bytes) {
  const std::lock_guard lock(automaton.mask_mutex());
  if (const auto known = mask.rests.find(bytes); known != mask.rests.end()) return *known->second;
  const auto rests = std::make_shared<Rests>();
  for (const RegionMask::Byte& at : mask.bytes) {
    if (!(bytes[at.byte / 64] >> (at.byte % 64) & 1)) continue;
    rests->nodes.insert(rests->nodes.end(), mask.exits.begin() + at.begin,
                        mask.exits.begin() + at.end);
    rests->size += at.size;
  }
  std::sort(rests->nodes.begin(), rests->nodes.end());
  mask.rests.emplace(bytes, rests.get());
  automaton.attachments().push_back(rests);
  automaton.add_bytes(sizeof(Rests) + rests->nodes.size() * 4 + 64);
  return *rests;
}

}  // namespace llm::grammar
