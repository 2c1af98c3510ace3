// The tokens of one sequence and the pages that hold their keys and values: which are computed,
// which are shared with the prefix cache. Engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compute/kv_pool.h"
#include "engine/page_ledger.h"
#include "engine/prefix_cache.h"

namespace llm {

/// The cache of one engine: memory, counts and tree.
struct PagedCache {
  PagedCache(std::unique_ptr<compute::KvPool> pool);

  std::unique_ptr<compute::KvPool> pool;
  PageLedger ledger;
  PrefixCache prefixes;

  /// A free page, evicting cached ones when there is none; nullopt when all are in use.
  std::optional<compute::PageId> take_page();
};

class PagedTokens {
 public:
  PagedTokens(PagedCache& cache, std::vector<TokenId> tokens, bool reuse,
              PageContexts contexts = {});
  ~PagedTokens();
  PagedTokens(const PagedTokens&) = delete;
  PagedTokens& operator=(const PagedTokens&) = delete;

  std::span<const TokenId> tokens() const { return tokens_; }
  int size() const { return static_cast<int>(tokens_.size()); }
  int computed() const { return computed_; }
  int pending() const { return size() - computed_; }
  std::span<const compute::PageId> pages() const { return pages_; }

  void append(TokenId token) { tokens_.push_back(token); }

  /// Takes whatever cached pages continue what is computed, always leaving the last token to be
  /// computed (its logits are wanted). Returns the number of tokens gained.
  int adopt();

  /// A number that two sequences share when their next page would hold the same tokens after the
  /// same beginning; 0 when that cannot be said. Used to compute a shared prompt once.
  std::uint64_t next_page_key() const;

  /// Makes room for `count` more computed tokens; false when the cache has no page left.
  bool reserve(int count);

  /// The next `count` tokens are computed now. Full pages become visible to other sequences.
  void commit(int count);

  /// Gives all pages back, leaving what is worth it in the prefix cache. Computed becomes 0.
  void release();

  /// Drops tokens [first, first + count) and everything computed from there on (context shift).
  void erase(int first, int count);

  /// Before anything is computed (again).
  void set_contexts(PageContexts contexts) { contexts_ = std::move(contexts); }

 private:
  void adopt_full_pages();
  void adopt_partial_page();
  void publish_full_pages();

  PagedCache& cache_;
  std::vector<TokenId> tokens_;
  std::vector<compute::PageId> pages_;
  // The node of the last published page. Invariant: computed_ lies in the page behind it, that is
  // published_pages_ * kPageTokens <= computed_ < (published_pages_ + 1) * kPageTokens.
  PrefixCache::Node* at_;
  int published_pages_ = 0;  // how many of pages_ are nodes of the tree on the path to at_
  int computed_ = 0;
  bool reuse_;
  PageContexts contexts_;
};

}  // namespace llm
