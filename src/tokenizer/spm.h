// SentencePiece with byte fallback ("llama"): neighbours whose text together is a token are joined,
// the highest score first.
#pragma once

#include <array>

#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

namespace llm {

class SpmModel final : public TextModel {
 public:
  /// `vocabulary` must outlive it.
  explicit SpmModel(const Vocabulary& vocabulary);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

 private:
  void encode_chunk(std::string_view chunk, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary_;
  CacheOwner cache_owner_;
  std::array<TokenId, 256> byte_tokens_;
  std::vector<std::uint32_t> priorities_;  // by token: scores in an order that integers have
  std::size_t longest_token_ = 0;
  // Bytes that stand before a space mark inside some token.
  std::array<bool, 256> joins_space_{};
};

}  // namespace llm
