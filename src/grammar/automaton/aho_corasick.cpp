#include "grammar/automaton/aho_corasick.h"

namespace llm::grammar {

AhoCorasick::AhoCorasick(std::span<const std::string> words) : nodes_(1) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::int32_t at = 0;
    for (const char c : words[i]) {
      const auto byte = static_cast<std::uint8_t>(c);
      if (nodes_[at].next[byte] < 0) {
        nodes_[at].next[byte] = static_cast<std::int32_t>(nodes_.size());
        nodes_.emplace_back();
      }
      at = nodes_[at].next[byte];
    }
    if (nodes_[at].is_own) continue;
    nodes_[at].word = static_cast<std::int32_t>(i);
    nodes_[at].is_own = true;
  }
  // Breadth first, so that the shorter suffixes are complete; missing edges are theirs.
  std::vector<std::int32_t> queue = {0};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::int32_t node = queue[i];
    for (int byte = 0; byte < 256; ++byte) {
      const std::int32_t inherited = node == 0 ? 0 : nodes_[nodes_[node].suffix].next[byte];
      std::int32_t& next = nodes_[node].next[byte];
      if (next < 0) {
        next = inherited;
        continue;
      }
      Node& child = nodes_[next];
      child.suffix = inherited;
      if (child.is_own) {
        child.shorter = nodes_[inherited].word >= 0 ? inherited : 0;
      } else {
        child.word = nodes_[inherited].word;
        child.shorter = nodes_[inherited].shorter;
      }
      queue.push_back(next);
    }
  }
}

}  // namespace llm::grammar
