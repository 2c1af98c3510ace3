// Decides what one step computes. Touches no tensor, takes no lock, reads no clock.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace llm {

/// A running sequence as the planner sees it.
struct SequenceView {
  int index;                   // the caller's own number for it
  int pending;                 // tokens known and not yet computed, at least 1
  bool is_decoding;            // its pending tokens are ones that it generated; more than one
                               // where a grammar left no choice
  std::uint64_t page_key = 0;  // PagedTokens::next_page_key()
  double waited_ms = 0;        // since its prompt was admitted
};

struct StepBudget {
  int tokens;         // most tokens in the step
  int prompt_tokens;  // most of them that may belong to prompts
};

struct Work {
  int index;
  int count;  // how many of its pending tokens are computed
};

/// Every decoding sequence gets its tokens first, so streams never wait for prompts. The rest of
/// the budget goes to prompts, the one with the least left first: a short question does not queue
/// behind a book. Waiting counts as tokens already read, so the book is not starved either. Two
/// prompts that would compute the same page do it once; the other one waits a step and adopts.
std::vector<Work> plan_step(std::span<const SequenceView> running, const StepBudget& budget);

/// Tokens of prompt that one millisecond of waiting is worth in the order of prompts.
inline constexpr double kTokensPerWaitedMs = 0.5;

}  // namespace llm
