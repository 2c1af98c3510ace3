// What a request tells its client, kept for tests.
#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace llm::test {

using namespace std::chrono_literals;

/// Collects the events of one request.
class Collector final : public EventSink {
 public:
  void token(TokenEvent&& event) override {
    const std::lock_guard lock(mutex_);
    tokens.push_back(event.token);
    text += event.text;
    changed_.notify_all();
  }
  void end(EndEvent&& event) override {
    const std::lock_guard lock(mutex_);
    text += event.text;
    ended = std::move(event);
    changed_.notify_all();
  }
  void error(ErrorEvent&& event) override {
    const std::lock_guard lock(mutex_);
    failed = std::move(event);
    changed_.notify_all();
  }

  /// False when nothing came within a generous time.
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [this] { return ended || failed; });
  }
  bool wait_for_tokens(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return tokens.size() >= count || ended || failed; });
  }

  std::vector<TokenId> tokens;
  std::string text;
  std::optional<EndEvent> ended;
  std::optional<ErrorEvent> failed;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Does the job and waits for its result.
inline SlotResult slot_job(Engine& engine, SlotJob job) {
  std::promise<SlotResult> promise;
  job.done = [&promise](SlotResult&& result) { promise.set_value(std::move(result)); };
  engine.submit(std::move(job));
  return promise.get_future().get();
}

}  // namespace llm::test
