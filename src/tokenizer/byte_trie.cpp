#include "tokenizer/byte_trie.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace llm {
namespace {

/// Sorted by text, each text once.
void sort_and_prune(std::vector<ByteTrie::Key>& keys) {
  std::erase_if(keys, [](const ByteTrie::Key& key) { return key.text.empty(); });
  std::stable_sort(keys.begin(), keys.end(),
                   [](const ByteTrie::Key& a, const ByteTrie::Key& b) { return a.text < b.text; });
  const auto same = [](const ByteTrie::Key& a, const ByteTrie::Key& b) { return a.text == b.text; };
  // From the back, because the last of equal texts counts.
  keys.erase(keys.begin(), std::unique(keys.rbegin(), keys.rend(), same).base());
}

}  // namespace

ByteTrie::ByteTrie(std::vector<Key> keys) {
  sort_and_prune(keys);
  std::size_t bytes = 0;
  for (const Key& key : keys) bytes += key.text.size();
  if (bytes >= std::numeric_limits<Node>::max() / 2)
    fail("the tokens of the vocabulary have {} bytes of text, which is too much", bytes);

  // Every node is a range of keys that share their first `depth` bytes.
  struct Range {
    std::size_t begin, end, depth;
  };
  std::vector<Range> level = {{0, keys.size(), 0}}, next;
  labels_.push_back(0);
  while (!level.empty()) {
    next.clear();
    for (Range range : level) {
      children_.push_back(static_cast<Node>(labels_.size()));
      const bool ends = range.begin < range.end && keys[range.begin].text.size() == range.depth;
      values_.push_back(ends ? keys[range.begin].value : kNoValue);
      if (ends) ++range.begin;
      while (range.begin < range.end) {
        const char label = keys[range.begin].text[range.depth];
        std::size_t end = range.begin + 1;
        while (end < range.end && keys[end].text[range.depth] == label) ++end;
        if (range.depth == 0)
          roots_[static_cast<unsigned char>(label)] = static_cast<Node>(labels_.size());
        labels_.push_back(label);
        next.push_back({range.begin, end, range.depth + 1});
        range.begin = end;
      }
    }
    level.swap(next);
  }
  children_.push_back(static_cast<Node>(labels_.size()));
}

ByteTrie::Match ByteTrie::longest(std::string_view text, std::size_t at) const {
  Match best;
  for_each_match(text, at, [&](std::size_t length, std::int32_t value) {
    best = Match{length, value};
  });
  return best;
}

std::size_t ByteTrie::walk(std::string_view text, std::size_t at) const {
  Node node = kRoot;
  std::size_t end = at;
  while (end < text.size() && (node = child(node, text[end])) != kRoot) ++end;
  return end - at;
}

}  // namespace llm
