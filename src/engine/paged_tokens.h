// The tokens of one sequence and the pages that hold their keys and values: which are computed,
// which are shared with the prefix cache, which were moved here from other positions. Engine thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compute/device.h"
#include "engine/page_ledger.h"
#include "engine/page_store.h"
#include "engine/prefix_cache.h"
#include "engine/prompt_pieces.h"

namespace llm {

/// The cache of one engine: memory, counts and tree.
struct PagedCache {
  /// Model::move with the pool of this cache.
  using Mover = std::function<void(std::span<const compute::KvMove> moves)>;

  /// ram: bytes for pages that leave the pool; 0: none, below 0: no limit. Without a mover nothing
  /// moves.
  PagedCache(std::unique_ptr<compute::KvPool> pool, std::int64_t ram = 0, Mover mover = {});

  std::shared_ptr<compute::KvPool> pool;  // shared with slots that are being saved
  PageLedger ledger;
  PageStore store;
  PrefixCache prefixes;
  Mover move;

  /// A free page, evicting cached ones when there is none; nullopt when all are in use.
  std::optional<compute::PageId> take_page();
};

/// What a sequence takes of that which others computed: nothing, what it would compute itself, or
/// also what was computed at other positions.
enum class Reuse : std::uint8_t { none, exact, moved };

class PagedTokens {
 public:
  PagedTokens(PagedCache& cache, std::vector<TokenId> tokens, Reuse reuse,
              PageContexts contexts = {});
  ~PagedTokens();
  PagedTokens(const PagedTokens&) = delete;
  PagedTokens& operator=(const PagedTokens&) = delete;

  std::span<const TokenId> tokens() const { return tokens_; }
  int size() const { return static_cast<int>(tokens_.size()); }
  int computed() const { return computed_; }
  int pending() const { return size() - computed_; }
  /// How many of the pending tokens may be computed now: those in front of the next piece that will
  /// be moved here.
  int runnable() const;
  std::span<const compute::PageId> pages() const { return pages_; }
  /// Also when they are only those of pieces to come.
  bool holds_pages() const { return !pages_.empty() || donor_; }
  /// From this token on, keys were computed at other positions or behind other tokens, or depend on
  /// such; kNothingMoved: none were.
  int moved_from() const { return moved_from_; }
  static constexpr int kNothingMoved = std::numeric_limits<int>::max();

  void append(TokenId token) { tokens_.push_back(token); }

  /// Takes whatever cached pages continue what is computed, always leaving the last token to be
  /// computed (its logits are wanted). Returns the number of tokens gained.
  int adopt();

  /// Lets adopt() also take runs of at least `least` tokens that are cached as part of `held`, at
  /// whatever position.
  void reuse_pieces(std::span<const TokenId> held, int least);

  /// A number that two sequences share when their next page would hold the same tokens after the
  /// same beginning; 0 when that cannot be said. Used to compute a shared prompt once.
  std::uint64_t next_page_key() const;

  /// Makes room for `count` more computed tokens; false when the cache has no page left.
  bool reserve(int count);

  /// The next `count` tokens are computed now. Full pages become visible to other sequences.
  /// moved_from: the first of all tokens that is not what this sequence would have computed.
  void commit(int count, int moved_from = kNothingMoved);

  /// Gives all pages back, leaving what is worth it in the prefix cache. Computed becomes 0.
  void release();

  /// Gives all pages back until resume(). What cannot be computed again as it was is kept aside.
  void suspend();
  bool is_suspended() const { return !suspended_.empty(); }
  /// False when there are not enough pages, and `spare` more.
  bool resume(int spare);

  /// Drops tokens [first, first + count), all computed, and moves those behind them down. False,
  /// with nothing changed, when there are not enough pages that nobody else uses. `contexts`: of
  /// what is left.
  bool shift(int first, int count, PageContexts contexts);

  /// Drops tokens [first, first + count) and everything computed from there on.
  void erase(int first, int count);

  /// Before anything is computed (again).
  void set_contexts(PageContexts contexts) { contexts_ = std::move(contexts); }

 private:
  void adopt_full_pages();
  void adopt_partial_page();
  void move_pieces();
  void publish_full_pages();
  bool is_moved(int page) const;
  std::vector<PrefixCache::Node*> unpublish(int first_page);
  bool take_targets(int first_page, std::vector<compute::PageId>& targets);

  PagedCache& cache_;
  std::vector<TokenId> tokens_;
  std::vector<compute::PageId> pages_;
  // The node of the last published page. Invariant, as long as is_published_: computed_ lies in the
  // page behind it, that is
  // published_pages_ * kPageTokens <= computed_ < (published_pages_ + 1) * kPageTokens.
  PrefixCache::Node* at_;
  int published_pages_ = 0;   // how many of pages_ are nodes of the tree on the path to at_
  bool is_published_ = true;  // false: pages stay its own from here on
  int computed_ = 0;
  Reuse reuse_;
  int moved_from_ = kNothingMoved;
  std::vector<PageStore::Bytes> suspended_;  // pages
  int suspended_computed_ = 0;
  std::vector<Piece> pieces_;           // still to be moved, the last one is the next
  std::unique_ptr<PagedTokens> donor_;  // has them
  PageContexts contexts_;
};

}  // namespace llm
