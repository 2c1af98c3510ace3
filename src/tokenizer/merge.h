// The merging loop of SPM and BPE: of all neighbours that can become one symbol, join the pair with
// the best priority, the leftmost among equals, until none is left.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/join_queue.h"
#include "tokenizer/unicode.h"

namespace llm {

/// text[begin, end) with the caller's id for it.
struct MergeSymbol {
  std::uint32_t begin, end;
  std::int32_t id;
};

/// Symbols in, joined symbols out; scratch memory is kept. `join(left, right)` says whether two
/// adjacent symbols can be joined; it must depend on their texts only.
class Merger {
 public:
  std::vector<MergeSymbol> symbols;  // in: all of a text, adjacent; out: what is left

  template <class JoinOf>
  void run(const JoinOf& join) {
    if (symbols.size() <= kShort)
      run_short(join);
    else
      run_long(join);
  }

 private:
  // Up to here looking through all pairs for the best is quicker than a heap.
  static constexpr std::size_t kShort = 32;

  template <class JoinOf>
  void run_short(const JoinOf& join) {
    std::array<Join, kShort> joins;
    std::size_t n = symbols.size();
    for (std::size_t i = 0; i + 1 < n; ++i) joins[i] = join(symbols[i], symbols[i + 1]);
    while (n > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < n; ++i)
        if (joins[i].priority < joins[best].priority) best = i;
      if (!joins[best].possible()) break;
      symbols[best].end = symbols[best + 1].end;
      symbols[best].id = joins[best].result;
      for (std::size_t i = best + 1; i + 1 < n; ++i) {
        symbols[i] = symbols[i + 1];
        joins[i - 1] = joins[i];
      }
      --n;
      if (best > 0) joins[best - 1] = join(symbols[best - 1], symbols[best]);
      if (best + 1 < n) joins[best] = join(symbols[best], symbols[best + 1]);
    }
    symbols.resize(n);
  }

  // Symbols never move here: a joined right half becomes empty, links_ skip it.
  template <class JoinOf>
  void run_long(const JoinOf& join) {
    const auto n = static_cast<std::uint32_t>(symbols.size());
    links_.resize(n);
    queue_.clear();
    for (std::uint32_t i = 0; i < n; ++i) links_[i] = {i - 1, i + 1};
    for (std::uint32_t i = 0; i + 1 < n; ++i) consider(i, i + 1, join);
    for (JoinCandidate c; queue_.pop(c);) {
      MergeSymbol &left = symbols[c.left], &right = symbols[c.right];
      // Symbols only grow, so an unchanged sum of lengths means unchanged symbols.
      const bool stale =
          left.begin == left.end || right.begin == right.end || right.end - left.begin != c.length;
      if (stale) continue;
      left.end = right.end;
      left.id = c.result;
      right.begin = right.end;
      const std::uint32_t next = links_[c.left].next = links_[c.right].next;
      if (next < n) links_[next].previous = c.left;
      const std::uint32_t previous = links_[c.left].previous;
      if (previous < n) consider(previous, c.left, join);
      if (next < n) consider(c.left, next, join);
    }
    std::erase_if(symbols, [](const MergeSymbol& s) { return s.begin == s.end; });
  }

  template <class JoinOf>
  void consider(std::uint32_t left, std::uint32_t right, const JoinOf& join) {
    const Join found = join(symbols[left], symbols[right]);
    if (!found.possible()) return;
    const std::uint32_t length = symbols[right].end - symbols[left].begin;
    queue_.push(found.priority, {found.result, left, right, length});
  }

  struct Link {
    std::uint32_t previous, next;  // out of range at the ends
  };
  std::vector<Link> links_;
  JoinQueue queue_;
};

/// A merger for a text of this size: this thread's own for usual ones, `fresh` for texts whose
/// memory should not be kept.
inline Merger& merger_for(std::size_t text_bytes, std::optional<Merger>& fresh) {
  static thread_local Merger own;
  Merger& merger = text_bytes <= 65536 ? own : fresh.emplace();
  merger.symbols.clear();
  return merger;
}

/// The characters of `text` as symbols of id -1, by announced length, not validated.
inline void append_characters(std::string_view text, std::vector<MergeSymbol>& symbols) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.size(), at + unicode::announced_length(text[at]));
    symbols.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end), -1});
    at = end;
  }
}

}  // namespace llm
