// Remembers the ids of short words, because texts repeat their words. One per thread; a cached
// result is the computed one, so that encoding stays a pure function.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/token.h"
#include "tokenizer/text_index.h"

namespace llm {

/// Names one vocabulary for the caches of all threads.
class CacheOwner {
 public:
  CacheOwner() {
    static std::atomic<std::uint64_t> next{1};
    number_ = next++;
  }
  std::uint64_t number() const { return number_; }

 private:
  std::uint64_t number_;
};

class WordCache {
 public:
  /// This thread's cache, emptied when it held words of another vocabulary.
  static WordCache& of(const CacheOwner& owner) {
    static thread_local WordCache cache;
    if (cache.owner_ != owner.number()) {
      cache.owner_ = owner.number();
      cache.entries_.assign(kEntries, {});
    }
    return cache;
  }

  /// Appends the ids of `word`, computed by compute(out) unless they are remembered.
  template <class Compute>
  void encode(std::string_view word, std::vector<TokenId>& out, const Compute& compute) {
    if (word.size() > kMaxBytes) return compute(out);
    Entry& entry = entries_[hash_text(word) & (kEntries - 1)];
    if (entry.count != 0 && entry.length == word.size() &&
        std::memcmp(entry.text.data(), word.data(), word.size()) == 0) {
      out.insert(out.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
      return;
    }
    const std::size_t before = out.size();
    compute(out);
    const std::size_t count = out.size() - before;
    if (count == 0 || count > kMaxIds) return;
    entry.length = static_cast<std::uint8_t>(word.size());
    entry.count = static_cast<std::uint8_t>(count);
    std::memcpy(entry.text.data(), word.data(), word.size());
    std::memcpy(entry.ids.data(), out.data() + before, count * sizeof(TokenId));
  }

 private:
  static constexpr std::size_t kEntries = 4096, kMaxBytes = 30, kMaxIds = 8;
  struct alignas(64) Entry {  // one cache line
    std::uint8_t length = 0, count = 0;
    std::array<char, kMaxBytes> text;
    std::array<TokenId, kMaxIds> ids;
  };

  std::uint64_t owner_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace llm
