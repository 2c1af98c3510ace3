#include "http/channel.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/strand.h"

namespace llm::http {

namespace asio = boost::asio;

struct Signal::State {
  std::mutex mutex;
  bool is_set = false;
  // The waiting coroutine sleeps on this timer. While it is here its executor is alive.
  std::shared_ptr<asio::steady_timer> waiter;
};

Signal::Signal() : state_(std::make_shared<State>()) {}

void Signal::notify() {
  const std::lock_guard lock(state_->mutex);
  state_->is_set = true;
  if (const auto timer = std::exchange(state_->waiter, nullptr))
    asio::post(timer->get_executor(), [timer] { timer->cancel(); });
}

Task<bool> Signal::wait(std::chrono::steady_clock::time_point deadline) {
  const auto state = state_;
  // The caller may still be on a worker thread. On the coroutine's own executor the wake-up that
  // notify() posts cannot overtake the wait below.
  const auto executor = co_await asio::this_coro::executor;
  if (!runs_on(executor)) co_await asio::dispatch(asio::use_awaitable);
  const auto timer = std::make_shared<asio::steady_timer>(executor, deadline);
  {
    const std::lock_guard lock(state->mutex);
    if (std::exchange(state->is_set, false)) co_return true;
    state->waiter = timer;
  }
  // Also when the coroutine is destroyed while it waits, at the end of the server.
  struct Leave {
    State& state;
    ~Leave() {
      const std::lock_guard lock(state.mutex);
      state.waiter = nullptr;
    }
  } leave{*state};
  co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  const std::lock_guard lock(state->mutex);
  co_return std::exchange(state->is_set, false);
}

}  // namespace llm::http
