#include "engine/slots.h"

#include <algorithm>
#include <utility>

#include "compute/kv_pool.h"

namespace llm {

SlotTable::SlotTable(int count, double similarity) : slots_(count), similarity_(similarity) {}

std::optional<int> SlotTable::take(std::span<const TokenId> prompt, int wish) {
  int chosen = -1;
  if (wish >= 0) {
    chosen = wish % count();
    if (slots_[chosen].busy) return std::nullopt;
  } else {
    if (similarity_ > 0) chosen = most_similar(prompt);
    if (chosen < 0) chosen = least_recently_used();
  }
  if (chosen < 0) return std::nullopt;
  slots_[chosen].busy = true;
  ++busy_;
  return chosen;
}

void SlotTable::give_back(int slot, std::vector<TokenId> tokens_held, PageContexts contexts) {
  slots_[slot] = {.busy = false,
                  .last_used = ++clock_,
                  .tokens = std::move(tokens_held),
                  .contexts = std::move(contexts)};
  --busy_;
}

void SlotTable::set_held(int slot, std::vector<TokenId> tokens) {
  slots_[slot] = {.busy = false, .last_used = ++clock_, .tokens = std::move(tokens)};
}

int SlotTable::shared_with_others(int slot) const {
  constexpr std::size_t kPage = compute::kPageTokens;
  const std::vector<TokenId>& own = slots_[slot].tokens;
  std::size_t longest = 0;
  for (int i = 0; i < count(); ++i) {
    if (i == slot) continue;
    const auto& other = slots_[i].tokens;
    const auto most = static_cast<std::ptrdiff_t>(std::min(own.size(), other.size()));
    const auto end = std::mismatch(own.begin(), own.begin() + most, other.begin()).first;
    auto length = static_cast<std::size_t>(end - own.begin());
    if (length == other.size()) length = (length + kPage - 1) / kPage * kPage;
    longest = std::max(longest, length);
  }
  return static_cast<int>(longest);
}

int SlotTable::most_similar(std::span<const TokenId> prompt) const {
  int best = -1;
  double best_share = similarity_;
  for (int i = 0; i < count(); ++i) {
    const auto& held = slots_[i].tokens;
    if (slots_[i].busy || held.empty() || prompt.empty()) continue;
    const auto length = std::min(held.size(), prompt.size());
    const auto end = std::mismatch(prompt.begin(), prompt.begin() + length, held.begin()).first;
    const double share = static_cast<double>(end - prompt.begin()) / prompt.size();
    if (share > best_share) best_share = share, best = i;
  }
  return best;
}

int SlotTable::least_recently_used() const {
  int best = -1;
  for (int i = 0; i < count(); ++i) {
    if (slots_[i].busy) continue;
    if (best < 0 || slots_[i].last_used <= slots_[best].last_used) best = i;
  }
  return best;
}

}  // namespace llm
