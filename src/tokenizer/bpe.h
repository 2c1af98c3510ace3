// Byte-pair encoding ("gpt2", "gemma4"): words, cut by a pre-tokeniser, whose symbols are joined in
// the order of the vocabulary's merges.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "tokenizer/merge.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

namespace llm {

/// (left symbol, right symbol) -> rank and joined symbol: open addressing, one cache line a
/// look-up.
class MergeTable {
 public:
  void reserve(std::size_t merges);
  /// Of equal pairs the first stays.
  void add(std::int32_t left, std::int32_t right, Join join);
  Join find(std::int32_t left, std::int32_t right) const;

 private:
  struct Slot {
    std::int32_t left = -1, right = -1;
    Join join;
  };
  std::size_t home(std::int32_t left, std::int32_t right) const;
  std::vector<Slot> slots_;  // a power of two, at most half full
};

class BpeModel final : public TextModel {
 public:
  /// `vocabulary` must outlive it. merges: "left right", best first.
  BpeModel(const Vocabulary& vocabulary, const std::vector<std::string>& merges);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;

 private:
  std::int32_t symbol_of(std::string_view text) const;  // -1: in no token and no merge
  std::int32_t intern(std::string_view text);
  void add_merges(const std::vector<std::string>& merges);
  void make_byte_tables();
  void encode_word(std::string_view word, std::vector<TokenId>& out) const;
  TokenId whole_word(std::string_view word) const;
  void emit_bytes(std::string_view bytes, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary_;
  const PreTokenizer& pre_;
  CacheOwner cache_owner_;
  MergeTable merges_;
  // Symbols are token ids, and from vocabulary size on texts that are in merges but are no tokens.
  std::unordered_map<std::string, std::int32_t> other_symbols_;
  std::array<std::int32_t, 256> byte_symbols_{};           // symbol of one byte of a word
  std::array<std::array<TokenId, 2>, 256> byte_tokens_{};  // instead of a symbol that is no token
};

}  // namespace llm
