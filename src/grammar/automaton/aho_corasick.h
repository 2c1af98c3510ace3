// Many words searched at once (Aho and Corasick 1975), as a complete automaton over bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace llm::grammar {

class AhoCorasick {
 public:
  /// Words must not be empty. State 0 is the start.
  explicit AhoCorasick(std::span<const std::string> words);

  std::int32_t next(std::int32_t state, std::uint8_t byte) const {
    return nodes_[state].next[byte];
  }
  /// The longest word that ends here, -1 for none; of equal ones the first.
  std::int32_t longest(std::int32_t state) const { return nodes_[state].word; }
  /// The next shorter word that ends here: where longest() of this state goes on.
  std::int32_t shorter(std::int32_t state) const { return nodes_[state].shorter; }

 private:
  struct Node {
    std::array<std::int32_t, 256> next;
    std::int32_t word = -1;
    std::int32_t shorter = 0;  // a state; 0 when no shorter word ends here
    std::int32_t suffix = 0;
    bool is_own = false;  // `word` is the whole path
    Node() { next.fill(-1); }
  };
  std::vector<Node> nodes_;
};

}  // namespace llm::grammar
