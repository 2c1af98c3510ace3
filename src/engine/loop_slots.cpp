// The part of the engine's loop that saves, restores and erases slots.
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/loop.h"

namespace llm {
namespace {

constexpr const char* kStopping = "the server is shutting down";

SlotResult failure(int status, const char* type, std::string message) {
  SlotResult result;
  result.error = ErrorEvent{status, type, std::move(message)};
  return result;
}

}  // namespace

void EngineLoop::submit(SlotJob job) {
  const std::lock_guard lock(mutex_);
  if (is_draining_ || is_stopping_) throw RequestError(503, "unavailable_error", kStopping);
  if (slot_jobs_waiting_ >= max_queue_) {
    throw RequestError(503, "unavailable_error", "too many actions wait for their slots");
  }
  ++slot_jobs_waiting_;
  slot_inbox_.push_back(std::move(job));
  is_idle_ = false;
  has_messages_ = true;
  wake_.notify_one();
}

std::uint64_t EngineLoop::state_key() const {
  const compute::KvLayout& layout = cache_.pool->layout();
  const std::string text =
      fmt::format("{} {} {} {} {} {}", model_.info().fingerprint, cache_.pool->format(),
                  quant::traits(layout.key_type).name, quant::traits(layout.value_type).name,
                  layout.page_bytes(), compute::kPageTokens);
  return XXH3_64bits(text.data(), text.size());
}

void EngineLoop::do_slot_jobs() {
  const auto done = std::erase_if(slot_jobs_, [this](SlotJob& job) { return do_slot_job(job); });
  const std::lock_guard lock(mutex_);
  slot_jobs_waiting_ -= static_cast<int>(done);
}

/// False: it has to wait for the slot, or for pages that others bring back soon.
bool EngineLoop::do_slot_job(SlotJob& job) {
  const int slot = job.slot % slot_table_.count();
  const bool is_busy = slot_table_.is_busy(slot);
  SlotResult result;
  switch (job.action) {
    case SlotJob::Action::open:
      if (is_busy) return false;
      if (!slot_table_.contexts(slot).is_empty()) {
        result =
            failure(400, "invalid_request_error",
                    "the slot was computed with LoRA adapters, which slot files do not record");
        break;
      }
      result.state = slot_states_.open(slot_table_.held(slot));
      break;
    case SlotJob::Action::reserve:
      result.state = slot_states_.reserve(job.tokens, job.exact_tokens);
      if (result.state) break;
      if (slot_states_.any_lent()) return false;
      result =
          failure(400, "invalid_request_error", "there are not enough free pages in the cache");
      break;
    case SlotJob::Action::restore:
      // Its pages do not wait: what runs in the slot may need them.
      if (job.state) job.tokens = slot_states_.restore(std::move(job.state));
      if (is_busy) return false;
      result.tokens = static_cast<int>(job.tokens.size());
      hold(slot, std::move(job.tokens));
      break;
    case SlotJob::Action::erase:
      if (is_busy) return false;
      result.tokens = erase_slot(slot);
      break;
  }
  publish();  // who reads the numbers behind the answer finds this in them
  job.done(std::move(result));
  return true;
}

int EngineLoop::erase_slot(int slot) {
  const std::span<const TokenId> held = slot_table_.held(slot);
  const auto erased = static_cast<int>(held.size());
  cache_.prefixes.forget(held, slot_table_.shared_with_others(slot), slot_table_.contexts(slot));
  hold(slot, {});
  return erased;
}

void EngineLoop::hold(int slot, std::vector<TokenId> tokens) {
  const auto count = static_cast<int>(tokens.size());
  slot_table_.set_held(slot, std::move(tokens));
  const std::lock_guard lock(mutex_);
  views_[slot].prompt_tokens = count;
}

void EngineLoop::fail_slot_jobs() {
  for (SlotJob& job : slot_jobs_) job.done(failure(503, "unavailable_error", kStopping));
  slot_jobs_.clear();
}

}  // namespace llm
