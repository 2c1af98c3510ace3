// The part of the engine's loop that makes vectors.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/loop.h"

namespace llm {

void EngineLoop::check_inputs(const EmbeddingRequest& request) const {
  for (const std::vector<TokenId>& input : request.inputs) {
    const int length = static_cast<int>(input.size());
    if (length == 0) bad_field("input", "\"input\" must not be empty");
    if (!model_.info().is_causal && length > most_tokens_) {
      throw RequestError(
          400, "invalid_request_error",
          fmt::format("input ({} tokens) is too large to process. increase the physical batch size "
                      "(current batch size: {})",
                      length, most_tokens_),
          "input");
    }
    if (length > slot_context_) {
      throw ContextError(
          length, slot_context_,
          fmt::format("input ({} tokens) is larger than the max context size ({} tokens). skipping",
                      length, slot_context_));
    }
  }
}

std::shared_ptr<RequestHandle> EngineLoop::submit(EmbeddingRequest request,
                                                  std::shared_ptr<EmbeddingSink> sink) {
  check_inputs(request);
  AdapterSet adapters = adapters_.resolve(request.adapters);
  const std::lock_guard lock(mutex_);
  check_capacity();
  auto handle = make_handle();
  embedding_inbox_.push_back({handle, std::make_shared<const EmbeddingRequest>(std::move(request)),
                              std::move(sink), std::move(adapters)});
  ++inbox_and_queue_;
  is_idle_ = false;
  has_messages_ = true;
  wake_.notify_one();
  return handle;
}

// An encoder's input cannot be cut, and nothing else runs beside it.
int EngineLoop::embedding_budget() const {
  if (!model_.info().is_causal) return most_tokens_;
  const int decoding = running_.empty() ? 0 : decoding_;
  const int share = decoding > 0 ? 2 : 1;
  return std::clamp(pace_.prompt_tokens(decoding) / share, 1, most_tokens_);
}

void EngineLoop::embed() {
  const Embedder::Step step = embedder_.step(embedding_budget());
  if (step.tokens > 0) pace_.record({.prompt_tokens = step.tokens, .ms = step.ms});
  for (const Embedder::Finished& input : step.inputs) show_in_slot(input);
  const std::lock_guard lock(mutex_);
  inbox_and_queue_ -= step.requests_ended;
  embeddings_taken_ = embedder_.count();
  if (step.tokens == 0) return;
  ++stats_.decode_calls;
  stats_.prompt_tokens += step.tokens;
  stats_.prompt_seconds += step.ms / 1000;
}

/// Vectors need no slot, but clients look there for what the server did last.
void EngineLoop::show_in_slot(const Embedder::Finished& input) {
  const auto slot = slot_table_.take({}, -1);
  if (!slot) return;
  slot_table_.give_back(*slot, {});
  const std::lock_guard lock(mutex_);
  views_[*slot] = {.id = *slot,
                   .context = slot_context_,
                   .request = input.request,
                   .prompt_tokens = input.tokens,
                   .prompt_processed = input.tokens,
                   .remaining = -1};
}

}  // namespace llm
