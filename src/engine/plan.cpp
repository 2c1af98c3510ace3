#include "engine/plan.h"

#include <algorithm>

namespace llm {

std::vector<Work> plan_step(std::span<const SequenceView> running, const StepBudget& budget) {
  std::vector<Work> plan;
  std::vector<const SequenceView*> prompts;
  int tokens_left = budget.tokens;
  for (const SequenceView& view : running) {
    if (!view.is_decoding) {
      prompts.push_back(&view);
    } else if (tokens_left > 0) {
      const int count = std::min(view.pending, tokens_left);
      plan.push_back({view.index, count});
      tokens_left -= count;
    }
  }
  const auto urgency = [](const SequenceView* v) {
    return v->pending - v->waited_ms * kTokensPerWaitedMs;
  };
  std::stable_sort(prompts.begin(), prompts.end(),
                   [&](const auto* a, const auto* b) { return urgency(a) < urgency(b); });
  int prompt_left = std::min(tokens_left, budget.prompt_tokens);
  std::vector<std::uint64_t> keys;
  for (const SequenceView* prompt : prompts) {
    if (prompt_left <= 0) break;
    if (prompt->page_key != 0) {
      if (std::find(keys.begin(), keys.end(), prompt->page_key) != keys.end()) continue;
      keys.push_back(prompt->page_key);
    }
    const int count = std::min(prompt->pending, prompt_left);
    plan.push_back({prompt->index, count});
    prompt_left -= count;
  }
  return plan;
}

}  // namespace llm
