// A radix tree over token ids whose nodes are pages: any request finds the longest beginning that
// any earlier request computed, whichever slot it ran in, and shares those pages without a copy.
// (The idea is SGLang's RadixAttention, arXiv:2312.07104, here at page granularity.)
//
// Inner nodes hold exactly kPageTokens tokens. The rest of a finished sequence is kept as a leaf of
// fewer tokens; a page that matches in part is copied by the caller before it is written to.
// The tree holds one reference on each of its pages, so a page with one reference is used by nobody
// else: it may leave the pool, least recently used leaf first. Its bytes go to the PageStore, where
// they wait to be found again, or are dropped, least recently used first, when that is full.
//
// Pages whose tokens were computed at other positions or behind other tokens (moved keys) are kept
// apart: only those who ask for them find them, so nobody else's text depends on them.
// Engine thread only.
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
#include "engine/page_store.h"

namespace llm {

/// What besides its tokens and those before it the content of a page depends on: the adapters that
/// were used. Null: on nothing. Pages are shared between equal contexts only.
using PageContext = std::shared_ptr<const std::vector<std::uint64_t>>;

/// The contexts of a sequence's pages: up to a page, of that page, and behind it.
struct PageContexts {
  PageContext before, change, after;
  int change_page = 0;

  bool is_empty() const { return !before && !change && !after; }
  const PageContext& of(int page) const {
    return page < change_page ? before : page > change_page ? after : change;
  }
};

class PrefixCache {
 public:
  struct Node;

  PrefixCache(PageLedger& ledger, PageStore& store);
  ~PrefixCache();

  Node* root() { return root_.get(); }

  /// The child of `at` that holds exactly the kPageTokens tokens of `block`, now most recently used
  /// and in the pool. Null when there is none, or no page for it. The caller holds a reference on
  /// the page of `at`.
  Node* find_full(Node* at, std::span<const TokenId> block, const PageContext& context = nullptr,
                  bool moved_too = false);

  struct Partial {
    Node* node;
    int tokens;  // how many of the wanted ones it begins with, at least 1
  };
  /// The child of `at` that shares the longest beginning with `tokens`; it may be outside the pool.
  std::optional<Partial> find_partial(Node* at, std::span<const TokenId> tokens,
                                      const PageContext& context = nullptr, bool moved_too = false);
  /// The bytes of the node's page, wherever they are.
  void read(const Node& node, const compute::KvPool& pool, std::byte* to) const;

  /// Adds a page below `at` (which must be full or the root) and takes a reference on it. When the
  /// same tokens are there already, that node is returned and `page` is left alone.
  Node* insert(Node* at, std::span<const TokenId> tokens, compute::PageId page,
               const PageContext& context = nullptr, bool is_moved = false);

  /// Takes a page that only the caller uses out of the tree. False when others use it or what was
  /// computed behind it; `drop_stored`: what of that is outside the pool goes, too.
  bool take_back(Node* node, bool drop_stored);

  /// Forgets the pages on the path of `tokens` that hold tokens behind the first `kept`, if nobody
  /// uses them and nothing else begins with them.
  void forget(std::span<const TokenId> tokens, int kept, const PageContexts& contexts = {});

  /// Gives one unused page back to the ledger; false when every page is in use.
  bool evict_one();

  static Node* parent_of(const Node& node);
  static bool is_moved(const Node& node);
  static compute::PageId page_of(const Node& node);
  int node_count() const { return node_count_; }
  /// Pages of the pool that no sequence uses.
  int evictable_count() const { return ledger_.idle_count(); }

 private:
  struct Key;
  Node* find(Node* at, const Key& key) const;
  /// The child that begins with these tokens.
  Node* find_covering(Node* at, const Key& key) const;
  void touch(Node* node);
  // A node is in the list of those that may go next, or in none.
  void list(Node* node);
  void unlist(Node* node);
  bool bring_back(Node* node);
  void settle(Node* node, compute::PageId page);
  void put_away(Node* node);
  bool make_room_in_store();
  void remove(Node* node);  // and all below it, which is outside the pool
  void remove_leaf(Node* node);

  PageLedger& ledger_;
  PageStore& store_;
  std::unique_ptr<Node> root_;
  using Ends = std::set<std::pair<std::uint64_t, Node*>>;  // by time of last use
  Ends pool_ends_;                                         // in the pool, nothing below them is
  Ends stored_ends_;                                       // outside, nothing is below them
  Node* kept_ = nullptr;  // about to leave the store, when there is room for it in the pool
  std::uint64_t clock_ = 0;
  int node_count_ = 0;
};

}  // namespace llm
