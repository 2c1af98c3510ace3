// Sets of tokens, and putting them on logits.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "base/token.h"
#include "grammar/mask/vocabulary.h"

namespace llm::grammar {

template <class Visit>
void for_bits(std::span<const std::uint64_t> bits, Visit visit) {
  for (std::size_t word = 0; word < bits.size(); ++word) {
    for (std::uint64_t rest = bits[word]; rest != 0; rest &= rest - 1) {
      visit(static_cast<std::uint32_t>(word * 64) + static_cast<unsigned>(std::countr_zero(rest)));
    }
  }
}

/// A set of tokens, kept as whatever is quickest to apply. Without those that end a generation.
struct TokenSet {
  enum class Form : std::uint8_t { few, most, bits };
  Form form = Form::few;
  std::vector<TokenId> list;        // few: the allowed ones; most: the forbidden ones
  std::vector<std::uint64_t> bits;  // by token
  std::uint32_t count = 0;

  bool is_empty() const { return count == 0; }
  /// Forbids what is not in the set; `ends` stay when `may_end`.
  void apply(std::span<float> logits, const Vocabulary& vocabulary, bool may_end) const;
};

std::uint32_t count_bits(std::span<const std::uint64_t> bits);
/// From a bit per token.
TokenSet token_set_of_tokens(std::vector<std::uint64_t> bits, std::uint32_t size);
/// A bit per rank as a bit per token.
std::vector<std::uint64_t> token_bits(std::span<const std::uint64_t> ranks,
                                      const Vocabulary& vocabulary);

}  // namespace llm::grammar
