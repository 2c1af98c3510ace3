// Vocabularies that treat parts of the text in their own way and leave the rest to BPE.
#pragma once

#include <memory>

#include "tokenizer/bpe.h"

namespace llm {

/// "hybriddna": between <dna> and </dna> six letters are a token.
class HybridDnaModel final : public TextModel {
 public:
  HybridDnaModel(const Vocabulary& vocabulary, std::unique_ptr<BpeModel> bpe);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

  /// Marks the end of a six-letter token's text in the vocabulary; not part of the output.
  static constexpr std::string_view kSuffix = "\xEE\x80\x80";

 private:
  void encode_dna(std::string_view letters, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary_;
  std::unique_ptr<BpeModel> bpe_;
  TokenId begin_, end_, out_of_vocabulary_;
};

/// "whitespace": words between white space, which itself is dropped.
class WhitespaceModel final : public TextModel {
 public:
  WhitespaceModel(const Vocabulary& vocabulary, std::unique_ptr<BpeModel> bpe)
      : vocabulary_(vocabulary), bpe_(std::move(bpe)) {}
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

 private:
  const Vocabulary& vocabulary_;
  std::unique_ptr<BpeModel> bpe_;
};

}  // namespace llm
