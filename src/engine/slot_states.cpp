#include "engine/slot_states.h"

#include <algorithm>
#include <cassert>

namespace llm {

using compute::kPageTokens;
using compute::PageId;

class SlotStates::Lent final : public SlotState {
 public:
  Lent(int number, std::shared_ptr<compute::KvPool> pool, std::shared_ptr<Returns> returns,
       std::span<const TokenId> tokens, int exact_tokens, std::span<const PageId> pages)
      : id(number),
        pool_(std::move(pool)),
        returns_(std::move(returns)),
        tokens_(tokens.begin(), tokens.end()),
        pages_(pages.begin(), pages.end()),
        exact_tokens_(exact_tokens) {}
  ~Lent() override {
    const std::lock_guard lock(returns_->mutex);
    returns_->ids.push_back(id);
    if (returns_->wake) returns_->wake();
  }

  std::span<const TokenId> tokens() const override { return tokens_; }
  int exact_tokens() const override { return exact_tokens_; }
  int page_count() const override { return static_cast<int>(pages_.size()); }
  std::int64_t page_bytes() const override { return pool_->layout().page_bytes(); }
  void read(int page, std::byte* to) const override {
    pool_->read_page(pages_[static_cast<std::size_t>(page)], to);
  }
  void write(int page, const std::byte* from) override {
    pool_->write_page(pages_[static_cast<std::size_t>(page)], from);
  }

  const int id;

 private:
  std::shared_ptr<compute::KvPool> pool_;
  std::shared_ptr<Returns> returns_;
  std::vector<TokenId> tokens_;
  std::vector<PageId> pages_;
  int exact_tokens_;
};

SlotStates::SlotStates(PagedCache& cache, std::function<void()> wake)
    : cache_(cache), returns_(std::make_shared<Returns>()) {
  returns_->wake = std::move(wake);
}

SlotStates::~SlotStates() {
  const std::lock_guard lock(returns_->mutex);
  returns_->wake = nullptr;
}

void SlotStates::take_returned() {
  std::vector<int> ids;
  {
    const std::lock_guard lock(returns_->mutex);
    ids.swap(returns_->ids);
  }
  for (const int id : ids) lent_.erase(id);
}

std::unique_ptr<SlotState> SlotStates::lend(std::unique_ptr<PagedTokens> tokens, int count,
                                            int exact_tokens) {
  const int id = next_id_++;
  const auto pages = static_cast<std::size_t>((count + kPageTokens - 1) / kPageTokens);
  auto state = std::make_unique<Lent>(id, cache_.pool, returns_, tokens->tokens().first(count),
                                      exact_tokens, tokens->pages().first(pages));
  lent_[id] = std::move(tokens);
  return state;
}

/// The last page, which is not full, also has what other sequences left in it. A copy of the
/// tokens alone takes its place.
void SlotStates::clean_last_page(PagedTokens& tokens, int count) {
  const int kept = count % kPageTokens;
  const auto page = kept == 0 ? std::nullopt : cache_.take_page();
  if (!page) return;
  const auto bytes = static_cast<std::size_t>(cache_.pool->layout().page_bytes());
  const std::vector<std::byte> blank(bytes);
  std::vector<std::byte> clean(bytes);
  cache_.pool->write_page(*page, blank.data());
  const PageId last = tokens.pages()[static_cast<std::size_t>(count / kPageTokens)];
  const compute::KvMove move{{&last, 1}, 0, {&*page, 1}, 0, kept};
  cache_.move({&move, 1});
  cache_.pool->read_page(*page, clean.data());
  cache_.pool->write_page(last, clean.data());
  cache_.ledger.release(*page);
}

std::unique_ptr<SlotState> SlotStates::open(std::span<const TokenId> tokens) {
  std::vector<TokenId> all(tokens.begin(), tokens.end());
  all.push_back(kNoToken);  // adopt() leaves the last one out
  auto held = std::make_unique<PagedTokens>(cache_, std::move(all), Reuse::moved);
  held->adopt();
  int count = held->computed();
  clean_last_page(*held, count);
  const int exact = std::min(count, held->moved_from());
  return lend(std::move(held), count, exact);
}

std::unique_ptr<SlotState> SlotStates::reserve(std::vector<TokenId> tokens, int exact_tokens) {
  const auto count = static_cast<int>(tokens.size());
  auto pages = std::make_unique<PagedTokens>(cache_, std::move(tokens), Reuse::none);
  if (!pages->reserve(count)) return nullptr;
  return lend(std::move(pages), count, exact_tokens);
}

std::vector<TokenId> SlotStates::restore(std::unique_ptr<SlotState> state) {
  const auto& lent = static_cast<const Lent&>(*state);
  const auto found = lent_.find(lent.id);
  assert(found != lent_.end());
  PagedTokens& tokens = *found->second;
  const int count = tokens.size();
  const bool is_exact = lent.exact_tokens() >= count;
  tokens.commit(count, is_exact ? PagedTokens::kNothingMoved : lent.exact_tokens());
  return {tokens.tokens().begin(), tokens.tokens().end()};
}

}  // namespace llm
