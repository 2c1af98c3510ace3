// A limit on the tokens of thought. When it is spent, a message and the end of the thoughts are
// forced, token by token; a caller may ask for the same at any time.
//
//   idle --start tag--> counting --budget spent, at the end of a character--> forcing --> idle
//                          `--end tag--> idle
//
// Tags are looked for in the text, not in the tokens: a vocabulary may cut them differently from
// case to case. A new start begins again with the full budget.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/token_filter.h"
#include "grammar/filter.h"
#include "tokenizer/tokenizer.h"

namespace llm::server {

/// "End the thoughts now", from any thread, to all choices of a request.
class ReasoningSwitch {
 public:
  void end_reasoning() { requests_.fetch_add(1, std::memory_order_relaxed); }
  int requests() const { return requests_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int> requests_{0};
};

struct ReasoningLimit {
  int budget = -1;  // tokens; -1: no limit
  std::string message;
  grammar::ThinkingTags tags;
  std::shared_ptr<const ReasoningSwitch> control;  // may be null

  bool is_active() const { return !tags.ends.empty() && (budget >= 0 || control != nullptr); }
};

/// Wraps what else governs the tokens (may be null). While forcing, only the forced token is
/// allowed; should `inner` refuse it, the limit gives way.
std::unique_ptr<TokenFilter> limit_reasoning(const ReasoningLimit& limit,
                                             const Tokenizer& tokenizer,
                                             std::unique_ptr<TokenFilter> inner);

}  // namespace llm::server
