// WordPiece ("bert"): words are cleaned, and each is cut greedily into the longest tokens.
#pragma once

#include <array>
#include <string>

#include "tokenizer/byte_trie.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

namespace llm {

class WpmModel final : public TextModel {
 public:
  /// `vocabulary` must outlive it.
  explicit WpmModel(const Vocabulary& vocabulary);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

 private:
  /// What a character does to the word that is being read.
  enum class Effect : std::uint8_t { drop, end_word, append, stand_alone };
  struct Letter {
    Effect effect;
    char32_t as;  // the character as it enters the word
  };
  Letter letter_of(char32_t c) const;
  void encode_word(std::string_view word, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary_;
  CacheOwner cache_owner_;
  ByteTrie tokens_;
  std::array<Letter, 128> ascii_;
};

}  // namespace llm
