// The part of the engine's loop that finds room: in the cache by taking pages away, in a full
// context by shifting it.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "engine/loop.h"

namespace llm {

// When no page is left the youngest sequence gives its pages up: it has the least to lose. It stays
// in its slot and is computed again when there is room, so the oldest always gets on.
bool EngineLoop::make_room(Sequence& sequence, const std::function<bool()>& attempt) {
  while (!attempt()) {
    if (embedder_.release_pages()) continue;
    const auto youngest = std::find_if(running_.rbegin(), running_.rend(), [&](const auto& other) {
      return other.get() == &sequence || other->tokens.holds_pages();
    });
    if (youngest->get() == &sequence && running_.front().get() == &sequence &&
        !slot_states_.any_lent()) {
      fail_sequence(sequence, 500, "server_error", "Context size has been exceeded.");
      return false;
    }
    preempt(**youngest);
    if (youngest->get() == &sequence) return false;
  }
  return true;
}

void EngineLoop::preempt(Sequence& sequence) {
  log::write(log::Level::debug, sequence.request->name,
             "its pages are needed by an older request, it goes on later");
  sequence.tokens.suspend();
  if (!sequence.tokens.is_suspended()) sequence.is_catching_up = sequence.predicted > 0;
}

void EngineLoop::shift_full_contexts() {
  std::vector<int> slots;
  for (const auto& sequence : running_) {
    if (sequence->needs_shift && sequence->tokens.pending() == 1) slots.push_back(sequence->slot);
  }
  for (const int slot : slots) {
    Sequence* sequence = by_slot_[slot];  // null when it failed for want of pages
    if (sequence != nullptr && sequence->tokens.pending() == 1) shift_context(*sequence);
  }
}

/// Drops the older tokens behind those that are kept and moves the rest down, with all that it saw
/// of what is dropped. Where keys cannot move the rest is computed again, without.
void EngineLoop::shift_context(Sequence& sequence) {
  const GenerationRequest& request = *sequence.request;
  const int computed = sequence.tokens.computed();
  const int wanted = request.keep_tokens < 0
                         ? sequence.prompt_size
                         : request.keep_tokens + (tokenizer_.special().add_bos ? 1 : 0);
  const int keep = std::min({wanted, slot_context_ - 4, computed - 2});
  const int rest = computed - keep;
  const int discard =
      std::clamp(request.discard_tokens > 0 ? request.discard_tokens : rest / 2, 1, rest - 1);
  AdapterSet moved = sequence.adapters;
  for (AdapterUse& use : moved) {  // its place has moved, or is among what has gone
    if (use.first_position > keep) {
      use.first_position = std::max(keep, use.first_position - discard);
    }
  }
  if (!fixed_keys().empty()) {
    sequence.tokens.erase(keep, discard);
    sequence.tokens.set_contexts(contexts_of(moved));
    sequence.is_catching_up = true;
  } else if (!make_room(sequence,
                        [&] { return sequence.tokens.shift(keep, discard, contexts_of(moved)); })) {
    return;  // its own pages went, it is shifted when it has them again
  }
  sequence.adapters = std::move(moved);
  sequence.needs_shift = false;
}

}  // namespace llm
