#include "engine/paged_tokens.h"

#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace llm {

using compute::kPageTokens;
using compute::PageId;

namespace {

int pages_for(int tokens) {
  return (tokens + kPageTokens - 1) / kPageTokens;
}

}  // namespace

PagedCache::PagedCache(std::unique_ptr<compute::KvPool> memory, std::int64_t ram, Mover mover)
    : pool(std::move(memory)),
      ledger(pool->page_count()),
      store(*pool, ram),
      prefixes(ledger, store),
      move(std::move(mover)) {}

std::optional<PageId> PagedCache::take_page() {
  if (ledger.free_count() == 0) prefixes.evict_one();
  return ledger.take();
}

PagedTokens::PagedTokens(PagedCache& cache, std::vector<TokenId> tokens, Reuse reuse,
                         PageContexts contexts)
    : cache_(cache),
      tokens_(std::move(tokens)),
      at_(cache.prefixes.root()),
      reuse_(reuse),
      contexts_(std::move(contexts)) {}

PagedTokens::~PagedTokens() {
  release();
}

int PagedTokens::runnable() const {
  return pieces_.empty() ? pending() : std::min(pending(), pieces_.back().to - computed_);
}

// ---- What others computed ----

int PagedTokens::adopt() {
  if (reuse_ == Reuse::none) return 0;
  const int before = computed_;
  if (is_published_) {
    adopt_full_pages();
    // A page that was begun by this sequence itself is not exchanged for a part of another one.
    if (computed_ == published_pages_ * kPageTokens && pending() > 1) adopt_partial_page();
  }
  move_pieces();
  return computed_ - before;
}

void PagedTokens::adopt_full_pages() {
  for (int begin = published_pages_ * kPageTokens; size() - 1 - begin >= kPageTokens;
       begin += kPageTokens) {
    PrefixCache::Node* next =
        cache_.prefixes.find_full(at_, tokens().subspan(begin, kPageTokens),
                                  contexts_.of(published_pages_), reuse_ == Reuse::moved);
    if (!next) return;
    // Pages that were reserved, or begun by this sequence, are not needed any more.
    while (static_cast<int>(pages_.size()) > published_pages_) {
      cache_.ledger.release(pages_.back());
      pages_.pop_back();
    }
    pages_.push_back(PrefixCache::page_of(*next));
    cache_.ledger.add_reference(pages_.back());
    at_ = next;
    if (PrefixCache::is_moved(*next)) moved_from_ = std::min(moved_from_, begin);
    ++published_pages_;
    computed_ = begin + kPageTokens;
  }
}

void PagedTokens::adopt_partial_page() {
  const auto rest = tokens().subspan(computed_, std::min(pending() - 1, kPageTokens));
  const auto partial = cache_.prefixes.find_partial(at_, rest, contexts_.of(published_pages_),
                                                    reuse_ == Reuse::moved);
  if (!partial) return;
  // The page will be written behind the shared beginning, so it is copied; before room is made for
  // the copy, which may take the page itself.
  const auto bytes = static_cast<std::size_t>(cache_.pool->layout().page_bytes());
  const auto copy = std::make_unique<std::byte[]>(bytes);
  cache_.prefixes.read(*partial->node, *cache_.pool, copy.get());
  const bool is_moved = PrefixCache::is_moved(*partial->node);
  if (!reserve(1)) return;
  cache_.pool->write_page(pages_[published_pages_], copy.get());
  if (is_moved) moved_from_ = std::min(moved_from_, computed_);
  computed_ += partial->tokens;
}

void PagedTokens::reuse_pieces(std::span<const TokenId> held, int least) {
  if (contexts_.before != contexts_.after) return;  // what was computed depends on the place
  std::vector<TokenId> all(held.begin(), held.end());
  all.push_back(kNoToken);  // adopt() leaves the last one out
  donor_ = std::make_unique<PagedTokens>(cache_, std::move(all), Reuse::moved, contexts_);
  donor_->adopt();
  pieces_ = find_pieces(donor_->tokens().first(donor_->computed()), tokens().first(size() - 1),
                        computed_, least);
  std::reverse(pieces_.begin(), pieces_.end());
  if (pieces_.empty()) donor_.reset();
}

void PagedTokens::move_pieces() {
  while (!pieces_.empty() && pieces_.back().to <= computed_) {
    Piece piece = pieces_.back();
    pieces_.pop_back();
    const int done = std::min(computed_ - piece.to, piece.count);  // found otherwise meanwhile
    piece = {piece.from + done, piece.to + done, piece.count - done};
    if (piece.count == 0 || !reserve(piece.count)) continue;
    const compute::KvMove move{donor_->pages(), piece.from, pages_, piece.to, piece.count};
    cache_.move({&move, 1});
    commit(piece.count, piece.to);
  }
  if (pieces_.empty()) donor_.reset();
}

std::uint64_t PagedTokens::next_page_key() const {
  const int begin = published_pages_ * kPageTokens;
  if (reuse_ == Reuse::none || !is_published_ || !pieces_.empty()) return 0;
  if (size() - 1 - begin < kPageTokens) return 0;
  const auto block = tokens().subspan(begin, kPageTokens);
  auto seed = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(at_));
  if (const PageContext& context = contexts_.of(published_pages_)) {
    seed = XXH3_64bits_withSeed(context->data(), context->size() * sizeof(context->front()), seed);
  }
  return XXH3_64bits_withSeed(block.data(), block.size_bytes(), seed) | 1;
}

// ---- Its own pages ----

bool PagedTokens::reserve(int count) {
  const int needed = pages_for(computed_ + count);
  while (static_cast<int>(pages_.size()) < needed) {
    const auto page = cache_.take_page();
    if (!page) return false;
    pages_.push_back(*page);
  }
  return true;
}

void PagedTokens::commit(int count, int moved_from) {
  assert(computed_ + count <= size());
  computed_ += count;
  moved_from_ = std::min(moved_from_, moved_from);
  publish_full_pages();
}

bool PagedTokens::is_moved(int page) const {
  return (page + 1) * kPageTokens > moved_from_;
}

void PagedTokens::publish_full_pages() {
  while (is_published_ && (published_pages_ + 1) * kPageTokens <= computed_) {
    PageId& page = pages_[published_pages_];
    const bool moved = is_moved(published_pages_);
    PrefixCache::Node* node =
        cache_.prefixes.insert(at_, tokens().subspan(published_pages_ * kPageTokens, kPageTokens),
                               page, contexts_.of(published_pages_), moved);
    const PageId shared = PrefixCache::page_of(*node);
    if (shared != page && moved) {  // the same tokens with another history: both stay
      is_published_ = false;
      return;
    }
    if (shared != page) {  // somebody else computed the same: keep one copy
      cache_.ledger.add_reference(shared);
      cache_.ledger.release(page);
      page = shared;
    }
    at_ = node;
    ++published_pages_;
  }
}

void PagedTokens::release() {
  const int rest = computed_ - published_pages_ * kPageTokens;
  if (is_published_ && rest > 0) {
    const bool moved = computed_ > moved_from_;
    cache_.prefixes.insert(at_, tokens().subspan(published_pages_ * kPageTokens, rest),
                           pages_[published_pages_], contexts_.of(published_pages_), moved);
  }
  for (const PageId page : pages_) cache_.ledger.release(page);
  pages_.clear();
  pieces_.clear();
  donor_.reset();
  suspended_.clear();
  at_ = cache_.prefixes.root();
  published_pages_ = computed_ = 0;
  is_published_ = true;
  moved_from_ = kNothingMoved;
}

// ---- Pages taken away for a while ----

void PagedTokens::suspend() {
  if (is_suspended()) return;
  if (moved_from_ == kNothingMoved) return release();
  const auto bytes = static_cast<std::size_t>(cache_.pool->layout().page_bytes());
  std::vector<PageStore::Bytes> copies;
  for (int i = 0; i < pages_for(computed_); ++i) {
    copies.push_back(std::make_unique<std::byte[]>(bytes));
    cache_.pool->read_page(pages_[i], copies.back().get());
  }
  const int computed = computed_, moved_from = moved_from_;
  release();
  suspended_ = std::move(copies);
  suspended_computed_ = computed;
  moved_from_ = moved_from;
}

bool PagedTokens::resume(int spare) {
  const int available = cache_.ledger.free_count() + cache_.prefixes.evictable_count();
  if (available < static_cast<int>(suspended_.size()) + spare) return false;
  if (!reserve(suspended_computed_)) {
    for (const PageId page : pages_) cache_.ledger.release(page);
    pages_.clear();
    return false;
  }
  for (std::size_t i = 0; i < suspended_.size(); ++i) {
    cache_.pool->write_page(pages_[i], suspended_[i].get());
  }
  suspended_.clear();
  commit(suspended_computed_);
  return true;
}

// ---- Tokens that go ----

/// Its nodes from `first_page` on, the deepest first; they count as published no longer.
std::vector<PrefixCache::Node*> PagedTokens::unpublish(int first_page) {
  std::vector<PrefixCache::Node*> nodes;
  for (; published_pages_ > first_page; --published_pages_) {
    nodes.push_back(std::exchange(at_, PrefixCache::parent_of(*at_)));
  }
  return nodes;
}

/// Replaces the pages among `targets` that others use, too, by new ones. False: there are too few.
bool PagedTokens::take_targets(int first_page, std::vector<PageId>& targets) {
  std::vector<PageId> taken;
  for (std::size_t i = static_cast<std::size_t>(first_page); i < targets.size(); ++i) {
    if (cache_.ledger.references(targets[i]) == 1) continue;
    const auto page = cache_.take_page();
    if (!page) {
      for (const PageId unused : taken) cache_.ledger.release(unused);
      return false;
    }
    taken.push_back(*page);
    targets[i] = *page;
  }
  return true;
}

bool PagedTokens::shift(int first, int count, PageContexts contexts) {
  assert(first + count <= computed_);
  const int after = computed_ - count;
  const int first_page = first / kPageTokens;
  std::vector<PageId> targets;
  bool has_targets = false;
  std::vector<PrefixCache::Node*> nodes = unpublish(first_page);
  // The first attempt may empty the pool of pages that hang on ours; then more of ours are free.
  for (const bool drop_stored : {false, true}) {
    std::erase_if(nodes, [&](PrefixCache::Node* node) {
      return cache_.prefixes.take_back(node, drop_stored);
    });
    targets.assign(pages_.begin(), pages_.begin() + pages_for(after));
    if ((has_targets = take_targets(first_page, targets))) break;
  }
  if (!has_targets) {
    publish_full_pages();
    return false;
  }
  std::vector<compute::KvMove> moves;
  const int kept = first % kPageTokens;
  if (kept > 0 && targets[first_page] != pages_[first_page]) {
    moves.push_back({pages_, first - kept, targets, first - kept, kept});
  }
  if (after > first) moves.push_back({pages_, first + count, targets, first, after - first});
  if (!moves.empty()) cache_.move(moves);
  for (std::size_t i = static_cast<std::size_t>(first_page); i < pages_.size(); ++i) {
    if (i >= targets.size() || targets[i] != pages_[i]) cache_.ledger.release(pages_[i]);
  }
  pages_ = std::move(targets);
  computed_ = after;
  tokens_.erase(tokens_.begin() + first, tokens_.begin() + first + count);
  if (after > first) moved_from_ = std::min(moved_from_, first);
  contexts_ = std::move(contexts);
  is_published_ = true;
  publish_full_pages();
  return true;
}

void PagedTokens::erase(int first, int count) {
  release();
  tokens_.erase(tokens_.begin() + first, tokens_.begin() + first + count);
}

}  // namespace llm
