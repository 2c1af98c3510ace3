// The texts of a vocabulary's tokens as a trie, depth first, so that a refused byte skips all
// tokens that go on with it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "grammar/filter.h"

namespace llm::grammar {

/// Kinds of bytes, one bit each: what a state reads without changing is compared with what a
/// subtree of the trie consists of.
using ByteKinds = std::uint32_t;
inline constexpr ByteKinds kOtherCharacters = 1u << 30;  // whole characters beyond ASCII
inline constexpr ByteKinds kBrokenCharacters = 1u << 31;
/// Of an ASCII byte.
ByteKinds kind_of(std::uint8_t byte);

class Vocabulary {
 public:
  /// `tokenizer` may be null; encode() then finds nothing.
  Vocabulary(std::vector<std::string> texts, std::span<const TokenId> end_of_generation,
             const Tokenizer* tokenizer = nullptr);

  /// Tokens are ranked in the order of the trie, so the tokens of a subtree are a range of ranks.
  struct Node {
    std::uint32_t end;         // the node behind this one's subtree
    std::uint32_t first_rank;  // of the tokens that end here; the subtree's follow
    ByteKinds kinds;           // of the bytes below, all set when a character is open here
    std::uint16_t depth;
    std::uint8_t byte;
  };

  /// Node 0 is the root; behind the last one stands a sentinel.
  std::span<const Node> nodes() const { return nodes_; }
  /// The root's child for `byte`; 0 when no token begins with it.
  std::uint32_t first_node(std::uint8_t byte) const { return first_nodes_[byte]; }
  std::uint32_t node_count() const { return static_cast<std::uint32_t>(nodes_.size()) - 1; }
  TokenId token(std::uint32_t rank) const { return ranked_[rank]; }
  std::span<const TokenId> ranked() const { return ranked_; }
  /// Of tokens in the trie: those with a text that do not end a generation.
  std::uint32_t rank_count() const { return static_cast<std::uint32_t>(ranked_.size()); }
  /// The others: without a text, with a very long one, or ending a generation.
  std::span<const TokenId> unranked() const { return unranked_; }
  int longest() const { return longest_; }  // bytes
  /// Ranks, the longest texts first.
  std::span<const std::uint32_t> by_length() const { return by_length_; }

  int size() const { return static_cast<int>(texts_.size()); }
  bool has(TokenId token) const { return token >= 0 && token < size(); }
  std::string_view text(TokenId token) const { return texts_[token]; }
  bool ends_generation(TokenId token) const { return ends_[token]; }
  /// `text` as the model was taught to read it; empty when those tokens do not spell exactly it
  /// (some vocabularies put a blank in front).
  std::vector<TokenId> encode(std::string_view text) const;
  std::span<const TokenId> ends() const { return end_tokens_; }
  /// Different for every vocabulary of the process.
  std::uint64_t id() const { return id_; }

 private:
  void build_trie();
  void set_kinds();

  std::vector<std::string> texts_;
  std::vector<bool> ends_;
  std::vector<TokenId> end_tokens_;
  std::vector<Node> nodes_;
  std::array<std::uint32_t, 256> first_nodes_{};
  std::vector<TokenId> ranked_, unranked_;
  std::vector<std::uint32_t> by_length_;
  int longest_ = 0;
  std::uint64_t id_;
  const Tokenizer* tokenizer_;
};

}  // namespace llm::grammar
