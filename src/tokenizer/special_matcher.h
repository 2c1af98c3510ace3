// Cuts special tokens out of a text before anything else looks at it.
//
// The reference takes the special tokens one after the other, longest first, and searches all text
// that is still there for each. Here one walk over a trie finds every occurrence of every token;
// the occurrences are then taken in the reference's order, so that the result is the same without
// the factor "number of special tokens".
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/token.h"

namespace llm {

struct Vocabulary;

/// A token (text empty), or a text between tokens (not empty).
struct Fragment {
  TokenId token = kNoToken;
  std::string_view text;
};

class SpecialMatcher {
 public:
  /// `tokens`: those to be cut out. Attributes are read when matching; the vocabulary must outlive
  /// the matcher.
  SpecialMatcher(const Vocabulary& vocabulary, const std::vector<TokenId>& tokens);

  /// Control and unknown tokens count only with `parse_special`. The fragments point into `text`.
  std::vector<Fragment> cut(std::string_view text, bool parse_special) const;

 private:
  struct Occurrence {
    std::uint32_t begin, length;
    TokenId token;
  };
  std::vector<Occurrence> find_all(std::string_view text, bool parse_special) const;

  const Vocabulary& vocabulary_;
  // Trie: edge (node << 8 | byte) -> node; the root is 0.
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;
  std::vector<TokenId> token_at_;  // by node
  bool begins_[256] = {};          // a token begins with this byte
  bool has_user_defined_ = false;
};

}  // namespace llm
