// "rwkv": at every place the longest token, on bytes.
#pragma once

#include <string>

#include "tokenizer/byte_trie.h"
#include "tokenizer/vocabulary.h"

namespace llm {

class RwkvModel final : public TextModel {
 public:
  /// `vocabulary` must outlive it.
  explicit RwkvModel(const Vocabulary& vocabulary);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

  /// The bytes that a token's text in the file spells: \t \n \r \xHH, and a backslash before any
  /// other character for that character.
  static std::string unescaped(std::string_view text);

 private:
  const Vocabulary& vocabulary_;
  ByteTrie tokens_;
};

}  // namespace llm
