#include "engine/paged_tokens.h"

#include <xxhash.h>

#include <algorithm>
#include <cassert>

namespace llm {

using compute::kPageTokens;

PagedCache::PagedCache(std::unique_ptr<compute::KvPool> memory)
    : pool(std::move(memory)), ledger(pool->page_count()), prefixes(ledger) {}

std::optional<compute::PageId> PagedCache::take_page() {
  if (ledger.free_count() == 0) prefixes.evict_one();
  return ledger.take();
}

PagedTokens::PagedTokens(PagedCache& cache, std::vector<TokenId> tokens, bool reuse,
                         PageContexts contexts)
    : cache_(cache),
      tokens_(std::move(tokens)),
      at_(cache.prefixes.root()),
      reuse_(reuse),
      contexts_(std::move(contexts)) {}

PagedTokens::~PagedTokens() {
  release();
}

int PagedTokens::adopt() {
  if (!reuse_) return 0;
  const int before = computed_;
  adopt_full_pages();
  // A page that was begun by this sequence itself is not exchanged for a part of another one.
  if (computed_ == published_pages_ * kPageTokens && pending() > 1) adopt_partial_page();
  return computed_ - before;
}

void PagedTokens::adopt_full_pages() {
  for (int begin = published_pages_ * kPageTokens; size() - 1 - begin >= kPageTokens;
       begin += kPageTokens) {
    PrefixCache::Node* next = cache_.prefixes.find_full(at_, tokens().subspan(begin, kPageTokens),
                                                        contexts_.of(published_pages_));
    if (!next) return;
    // Pages that were reserved, or begun by this sequence, are not needed any more.
    while (static_cast<int>(pages_.size()) > published_pages_) {
      cache_.ledger.release(pages_.back());
      pages_.pop_back();
    }
    pages_.push_back(PrefixCache::page_of(*next));
    cache_.ledger.add_reference(pages_.back());
    at_ = next;
    ++published_pages_;
    computed_ = begin + kPageTokens;
  }
}

void PagedTokens::adopt_partial_page() {
  const auto rest = tokens().subspan(computed_, std::min(pending() - 1, kPageTokens));
  const auto partial = cache_.prefixes.find_partial(at_, rest, contexts_.of(published_pages_));
  if (!partial) return;
  // The page will be written behind the shared beginning, so it is copied. Its own reference keeps
  // it from being evicted while room is made for the copy.
  cache_.ledger.add_reference(partial->page);
  if (reserve(1)) {
    const auto bytes = static_cast<std::size_t>(cache_.pool->layout().page_bytes());
    const auto copy = std::make_unique<std::byte[]>(bytes);
    cache_.pool->read_page(partial->page, copy.get());
    cache_.pool->write_page(pages_[published_pages_], copy.get());
    computed_ += partial->tokens;
  }
  cache_.ledger.release(partial->page);
}

std::uint64_t PagedTokens::next_page_key() const {
  const int begin = published_pages_ * kPageTokens;
  if (!reuse_ || size() - 1 - begin < kPageTokens) return 0;
  const auto block = tokens().subspan(begin, kPageTokens);
  auto seed = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(at_));
  if (const PageContext& context = contexts_.of(published_pages_)) {
    seed = XXH3_64bits_withSeed(context->data(), context->size() * sizeof(context->front()), seed);
  }
  return XXH3_64bits_withSeed(block.data(), block.size_bytes(), seed) | 1;
}

bool PagedTokens::reserve(int count) {
  const int needed = (computed_ + count + kPageTokens - 1) / kPageTokens;
  while (static_cast<int>(pages_.size()) < needed) {
    const auto page = cache_.take_page();
    if (!page) return false;
    pages_.push_back(*page);
  }
  return true;
}

void PagedTokens::commit(int count) {
  assert(computed_ + count <= size());
  computed_ += count;
  publish_full_pages();
}

void PagedTokens::publish_full_pages() {
  while ((published_pages_ + 1) * kPageTokens <= computed_) {
    compute::PageId& page = pages_[published_pages_];
    at_ = cache_.prefixes.insert(at_, tokens().subspan(published_pages_ * kPageTokens, kPageTokens),
                                 page, contexts_.of(published_pages_));
    const compute::PageId shared = PrefixCache::page_of(*at_);
    if (shared != page) {  // somebody else computed the same: keep one copy
      cache_.ledger.add_reference(shared);
      cache_.ledger.release(page);
      page = shared;
    }
    ++published_pages_;
  }
}

void PagedTokens::release() {
  const int rest = computed_ - published_pages_ * kPageTokens;
  if (rest > 0) {
    cache_.prefixes.insert(at_, tokens().subspan(published_pages_ * kPageTokens, rest),
                           pages_[published_pages_], contexts_.of(published_pages_));
  }
  for (const compute::PageId page : pages_) cache_.ledger.release(page);
  pages_.clear();
  at_ = cache_.prefixes.root();
  published_pages_ = computed_ = 0;
}

void PagedTokens::erase(int first, int count) {
  release();
  tokens_.erase(tokens_.begin() + first, tokens_.begin() + first + count);
}

}  // namespace llm
