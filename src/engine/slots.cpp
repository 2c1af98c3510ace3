#include "engine/slots.h"

#include <algorithm>
#include <utility>

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

void SlotTable::give_back(int slot, std::vector<TokenId> tokens_held) {
  slots_[slot] = {.busy = false, .last_used = ++clock_, .tokens = std::move(tokens_held)};
  --busy_;
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
