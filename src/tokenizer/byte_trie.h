// A set of byte strings with a number each, and the question that greedy and dynamic-programming
// tokenisers ask: which of them begin here?
//
// Nodes stand in breadth-first order, so the children of node n are the nodes from children_[n] to
// children_[n + 1]; nine bytes a node, no pointers.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace llm {

class ByteTrie {
 public:
  struct Key {
    std::string_view text;
    std::int32_t value;  // not negative
  };
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr std::int32_t kNoValue = -1;

  ByteTrie() : ByteTrie(std::vector<Key>()) {}
  /// Empty texts are left out; of equal texts the last one counts. The texts need not live on.
  /// Throws Error for more text than 32-bit node numbers can tell apart.
  explicit ByteTrie(std::vector<Key> keys);

  /// kRoot when there is none: the root is nobody's child.
  Node child(Node node, char byte) const {
    if (node == kRoot) return roots_[static_cast<unsigned char>(byte)];
    const Node first = children_[node], count = children_[node + 1] - first;
    if (count == 0) return kRoot;
    const void* found = std::memchr(labels_.data() + first, byte, count);
    if (!found) return kRoot;
    return static_cast<Node>(static_cast<const char*>(found) - labels_.data());
  }
  std::int32_t value(Node node) const { return values_[node]; }

  struct Match {
    std::size_t length = 0;
    std::int32_t value = kNoValue;
  };
  /// The longest text that stands at `at`; length 0 when none does.
  Match longest(std::string_view text, std::size_t at) const;
  /// Calls visit(length, value) for every text that stands at `at`, the shortest first.
  template <class Visit>
  void for_each_match(std::string_view text, std::size_t at, Visit visit) const {
    Node node = kRoot;
    for (std::size_t end = at; end < text.size();) {
      node = child(node, text[end]);
      if (node == kRoot) return;
      ++end;
      if (values_[node] != kNoValue) visit(end - at, values_[node]);
    }
  }
  /// How many bytes from `at` on begin some text of the set.
  std::size_t walk(std::string_view text, std::size_t at) const;

 private:
  std::array<Node, 256> roots_{};  // children of the root, the most frequent question
  std::vector<Node> children_;     // one more than nodes
  std::vector<std::int32_t> values_;
  std::vector<char> labels_;  // the byte that leads to a node
};

}  // namespace llm
