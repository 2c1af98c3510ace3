#include "engine/prompt_pieces.h"

#include <xxhash.h>

#include <algorithm>
#include <unordered_map>

namespace llm {
namespace {

constexpr int kMostCandidates = 16;
// Runs are found by this many of their first tokens.
constexpr int kSeedTokens = 16;

std::uint64_t hash(std::span<const TokenId> tokens) {
  return XXH3_64bits(tokens.data(), tokens.size_bytes());
}

int common_length(std::span<const TokenId> a, std::span<const TokenId> b) {
  const std::size_t most = std::min(a.size(), b.size());
  return static_cast<int>(std::mismatch(a.begin(), a.begin() + most, b.begin()).first - a.begin());
}

}  // namespace

std::vector<Piece> find_pieces(std::span<const TokenId> held, std::span<const TokenId> prompt,
                               int begin, int least) {
  std::vector<Piece> pieces;
  const int seed = std::min(least, kSeedTokens);
  const int held_size = static_cast<int>(held.size());
  const int prompt_size = static_cast<int>(prompt.size());
  if (begin + least > prompt_size || least > held_size) return pieces;
  std::unordered_map<std::uint64_t, std::vector<int>> places;
  for (int i = 0; i + seed <= held_size; ++i) {
    std::vector<int>& list = places[hash(held.subspan(i, seed))];
    if (list.size() < kMostCandidates) list.push_back(i);
  }
  for (int at = begin; at + least <= prompt_size;) {
    Piece best{0, at, 0};
    const auto found = places.find(hash(prompt.subspan(at, seed)));
    for (const int place : found == places.end() ? std::vector<int>{} : found->second) {
      const int length = common_length(held.subspan(place), prompt.subspan(at));
      if (length > best.count) best = {place, at, length};
    }
    if (best.count < least) {
      ++at;
      continue;
    }
    pieces.push_back(best);
    at += best.count;
  }
  return pieces;
}

}  // namespace llm
