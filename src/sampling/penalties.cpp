#include "sampling/penalties.h"

#include <cstdint>

namespace llm::sampling {

std::size_t TokenCounts::home(TokenId token) const {
  return (static_cast<std::uint32_t>(token) * 2654435769u >> 7) & (slots_.size() - 1);
}

std::size_t TokenCounts::find(TokenId token) const {
  std::size_t at = home(token);
  while (slots_[at].count > 0 && slots_[at].token != token) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void TokenCounts::grow() {
  std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.count > 0) slots_[find(slot.token)] = slot;
}

void TokenCounts::add(TokenId token) {
  if (2 * (used_ + 1) > slots_.size()) grow();
  Slot& slot = slots_[find(token)];
  if (slot.count++ == 0) {
    slot.token = token;
    ++used_;
  }
}

void TokenCounts::remove(TokenId token) {
  std::size_t hole = find(token);
  if (--slots_[hole].count > 0) return;
  --used_;
  // Later entries of the same run move up, so that no search stops at the hole too early.
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = (hole + 1) & mask; slots_[at].count > 0; at = (at + 1) & mask) {
    if (((at - home(slots_[at].token)) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    slots_[at].count = 0;
    hole = at;
  }
}

int TokenCounts::count(TokenId token) const {
  return slots_.empty() ? 0 : slots_[find(token)].count;
}

void Penalties::observe(TokenId token) {
  const auto tokens = window_.tokens();
  if (tokens.size() == window_.limit() && !tokens.empty()) counts_.remove(tokens.front());
  window_.push(token);
  counts_.add(token);
}

float Penalties::penalized(float logit, int count) const {
  logit = logit > 0 ? logit / params_.repeat : logit * params_.repeat;
  return logit - (static_cast<float>(count) * params_.frequency + params_.presence);
}

void Penalties::apply(Candidates& candidates) const {
  if (candidates.is_whole() && candidates.divisor() == 1) {
    const auto logits = candidates.logits();
    counts_.for_each([&](TokenId token, int count) {
      if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
        candidates.edit(token, penalized(logits[token], count));
    });
    return;
  }
  candidates.make_list();
  bool changed = false;
  for (Candidate& item : candidates.items()) {
    const int count = counts_.count(item.token);
    if (count == 0) continue;
    item.logit = penalized(item.logit, count);
    changed = true;
  }
  if (changed) candidates.logits_changed();
}

}  // namespace llm::sampling
