// Unigram ("t5", also of the XLM-R family): the text is normalised, then cut into the tokens whose
// scores have the greatest sum.
#pragma once

#include <string>

#include "tokenizer/byte_trie.h"
#include "tokenizer/character_map.h"
#include "tokenizer/vocabulary.h"

namespace llm {

class UgmModel final : public TextModel {
 public:
  /// `vocabulary` must outlive it.
  UgmModel(const Vocabulary& vocabulary, CharacterMap map);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

  /// The text as it is matched: characters replaced, spaces as U+2581.
  std::string normalized(std::string_view text) const;

 private:
  const Vocabulary& vocabulary_;
  CharacterMap map_;
  ByteTrie tokens_, user_defined_;
  std::vector<double> scores_;  // by token, as they count in the sum
  double unknown_score_ = 0;
};

}  // namespace llm
