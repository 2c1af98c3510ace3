// Values from other threads to a handler that waits for them.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "http/exchange.h"

namespace llm::http {

/// Wakes one waiting coroutine from any thread; a notify without a waiter is kept for the next.
class Signal {
 public:
  Signal();
  void notify();
  /// False when the deadline passed first.
  Task<bool> wait(std::chrono::steady_clock::time_point deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// A queue with one reading coroutine. Copies are the same channel. push(), close() and the
/// questions may come from any thread and never wait for the reader.
template <class T>
class Channel {
 public:
  /// Values that nobody has read yet; a push beyond it is an overflow. Far above what one request
  /// makes, so only a reader that hangs gets there.
  static constexpr std::size_t kLimit = 1 << 16;

  explicit Channel(std::size_t limit = kLimit) : state_(std::make_shared<State>()) {
    state_->limit = limit;
  }
  /// Closes itself when the client of `exchange` goes away.
  explicit Channel(Exchange& exchange, std::size_t limit = kLimit) : Channel(limit) {
    exchange.on_client_gone([weak = std::weak_ptr<State>(state_)] {
      if (const auto state = weak.lock()) close(*state);
    });
  }

  /// Dropped when closed. At the limit the channel closes instead: overflowed() is true then.
  void push(T value) {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->closed) return;
      if (state_->values.size() < state_->limit)
        state_->values.push_back(std::move(value));
      else
        state_->closed = state_->overflowed = true;
    }
    state_->signal.notify();
  }

  void close() { close(*state_); }

  /// What is there now; nullopt when nothing is.
  std::optional<T> try_next() {
    const std::lock_guard lock(state_->mutex);
    return take(*state_);
  }

  /// The next value; nullopt when closed and empty, or after `timeout`: then timed_out() is true.
  Task<std::optional<T>> next(
      std::chrono::milliseconds timeout = std::chrono::milliseconds::max()) {
    using Clock = std::chrono::steady_clock;
    const auto state = state_;
    const bool waits_forever = timeout == std::chrono::milliseconds::max();
    const auto deadline = waits_forever ? Clock::time_point::max() : Clock::now() + timeout;
    for (;;) {
      {
        const std::lock_guard lock(state->mutex);
        state->timed_out = false;
        if (auto value = take(*state)) co_return value;
        if (state->closed) co_return std::nullopt;
      }
      const bool woken = co_await state->signal.wait(deadline);
      if (woken) continue;
      const std::lock_guard lock(state->mutex);
      state->timed_out = true;
      co_return std::nullopt;
    }
  }

  bool timed_out() const { return flag(&State::timed_out); }
  bool closed() const { return flag(&State::closed); }
  bool overflowed() const { return flag(&State::overflowed); }

 private:
  struct State {
    std::mutex mutex;
    std::deque<T> values;
    std::size_t limit = kLimit;
    bool closed = false, overflowed = false, timed_out = false;
    Signal signal;
  };

  static std::optional<T> take(State& state) {
    if (state.values.empty()) return std::nullopt;
    std::optional<T> value(std::move(state.values.front()));
    state.values.pop_front();
    return value;
  }
  static void close(State& state) {
    {
      const std::lock_guard lock(state.mutex);
      state.closed = true;
    }
    state.signal.notify();
  }
  bool flag(bool State::*which) const {
    const std::lock_guard lock(state_->mutex);
    return (*state_).*which;
  }

  std::shared_ptr<State> state_;
};

}  // namespace llm::http
