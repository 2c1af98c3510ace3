// "plamo2": the cheapest way through the text, found from its end; characters outside the
// vocabulary are spelled in byte tokens.
#pragma once

#include <array>
#include <cstdint>

#include "tokenizer/byte_trie.h"
#include "tokenizer/vocabulary.h"

namespace llm {

class Plamo2Model final : public TextModel {
 public:
  /// Throws Error when a byte token is missing.
  explicit Plamo2Model(const Vocabulary& vocabulary);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

 private:
  ByteTrie tokens_;
  std::vector<std::int64_t> costs_;  // by token
  std::array<TokenId, 256> byte_tokens_{};
};

}  // namespace llm
