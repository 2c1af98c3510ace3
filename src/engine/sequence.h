// One request while it runs. Engine thread only, except the handle's flag.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "engine/adapters.h"
#include "engine/engine.h"
#include "engine/paged_tokens.h"
#include "engine/text_stream.h"

namespace llm {

using Clock = std::chrono::steady_clock;

inline double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// What submit() gives to the caller.
class Handle final : public RequestHandle {
 public:
  Handle(int id, std::function<void()> wake) : id_(id), wake_(std::move(wake)) {}
  void cancel() override {
    cancelled_.store(true, std::memory_order_release);
    wake_();
  }
  int id() const override { return id_; }
  bool is_cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  int id_;
  std::function<void()> wake_;
  std::atomic<bool> cancelled_{false};
};

/// A request in the queue.
struct Waiting {
  std::shared_ptr<Handle> handle;
  std::shared_ptr<GenerationRequest> request;
  std::shared_ptr<EventSink> sink;
  Clock::time_point since;
  AdapterSet adapters;
};

struct Sequence {
  Sequence(Waiting waiting, PagedCache& cache, const Tokenizer& tokenizer, int slot_number);

  bool is_decoding() const { return !is_catching_up && predicted > 0; }

  std::shared_ptr<Handle> handle;
  std::shared_ptr<GenerationRequest> request;
  std::shared_ptr<EventSink> sink;
  AdapterSet adapters;
  PagedTokens tokens;
  Sampler sampler;
  TextStream text;
  int slot;
  int prompt_size;
  int predicted = 0;
  bool truncated = false;
  /// Tokens that were computed before are computed again (context shift, pages taken away).
  bool is_catching_up = false;
  bool has_started = false;
  Timings timings;
  Clock::time_point submitted, admitted, first_token{}, last_token{};
};

}  // namespace llm
