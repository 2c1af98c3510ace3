// A radix tree over token ids whose nodes are pages: any request finds the longest beginning that
// any earlier request computed, whichever slot it ran in, and shares those pages without a copy.
// (The idea is SGLang's RadixAttention, arXiv:2312.07104, here at page granularity.)
//
// Inner nodes hold exactly kPageTokens tokens. The rest of a finished sequence is kept as a leaf of
// fewer tokens; a page that matches in part is copied by the caller before it is written to.
// The tree holds one reference on each of its pages, so a page with one reference is used by nobody
// else and may be evicted, least recently used leaf first. Engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/token.h"
#include "engine/page_ledger.h"

namespace llm {

/// What besides its tokens and those before it the content of a page depends on: the adapters that
/// were used. Null: on nothing. Pages are shared between equal contexts only.
using PageContext = std::shared_ptr<const std::vector<std::uint64_t>>;

/// The contexts of a sequence's pages: up to a page, of that page, and behind it.
struct PageContexts {
  PageContext before, change, after;
  int change_page = 0;

  const PageContext& of(int page) const {
    return page < change_page ? before : page > change_page ? after : change;
  }
};

class PrefixCache {
 public:
  struct Node;

  explicit PrefixCache(PageLedger& ledger);
  ~PrefixCache();

  Node* root() { return root_.get(); }

  /// The child of `at` that holds exactly the kPageTokens tokens of `block`, now most recently
  /// used. Null when there is none.
  Node* find_full(Node* at, std::span<const TokenId> block, const PageContext& context = nullptr);

  struct Partial {
    compute::PageId page;
    int tokens;  // how many of the wanted ones the page begins with, at least 1
  };
  /// The child of `at` that shares the longest beginning with `tokens`.
  std::optional<Partial> find_partial(Node* at, std::span<const TokenId> tokens,
                                      const PageContext& context = nullptr);

  /// Adds a page below `at` (which must be full or the root) and takes a reference on it. When the
  /// same tokens are there already, that node is returned and `page` is left alone.
  Node* insert(Node* at, std::span<const TokenId> tokens, compute::PageId page,
               const PageContext& context = nullptr);

  /// Gives one unused page back to the ledger; false when every page is in use.
  bool evict_one();

  static compute::PageId page_of(const Node& node);
  int node_count() const { return node_count_; }
  /// Nodes whose page no sequence uses.
  int evictable_count() const;

 private:
  void touch(Node* node);
  void remove(Node* leaf);

  PageLedger& ledger_;
  std::unique_ptr<Node> root_;
  std::set<std::pair<std::uint64_t, Node*>> leaves_;  // by time of last use
  std::uint64_t clock_ = 0;
  int node_count_ = 0;
};

}  // namespace llm
