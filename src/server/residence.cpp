#include "server/residence.h"

#include <malloc.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace llm::server {

namespace {
constexpr const char* kStopping = "the server is shutting down";
constexpr const char* kNotLoaded = "the model could not be loaded again, see the server's log";
}  // namespace

void Residence::begin(std::shared_ptr<Serving> serving, Settings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
  serving_ = std::move(serving);
  last_use_ = Clock::now();
  if (settings_.idle > std::chrono::seconds(0)) keeper_ = std::thread([this] { keep(); });
}

void Residence::replace(std::shared_ptr<Serving> serving) {
  const std::lock_guard lock(mutex_);
  serving.swap(serving_);
  if (!tickets_.empty()) replaced_.emplace_back(next_ticket_, std::move(serving));
}

Residence::Lease Residence::take(bool is_work) {
  tickets_.insert(next_ticket_);
  return Lease(*this, next_ticket_++, is_work);
}

void Residence::leave(std::uint64_t ticket, bool is_work) {
  std::vector<std::shared_ptr<Serving>> unused;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  tickets_.erase(ticket);
  if (is_work) last_use_ = Clock::now();
  std::erase_if(replaced_, [&](auto& old) {
    if (!tickets_.empty() && *tickets_.begin() < old.first) return false;
    unused.push_back(std::move(old.second));
    return true;
  });
  if (tickets_.empty()) changed_.notify_all();
}

http::Task<Residence::Lease> Residence::enter(http::Exchange& exchange) {
  for (;;) {
    std::optional<Waiter> waiter;
    {
      const std::lock_guard lock(mutex_);
      if (state_ == State::awake) co_return take(/*is_work=*/true);
      if (is_stopping_) throw RequestError(503, "unavailable_error", kStopping);
      waiter.emplace(exchange);
      waiters_.push_back(*waiter);
      changed_.notify_all();
    }
    const auto problem = co_await waiter->next();
    if (!problem) throw RequestError(499, "unavailable_error", "the client has gone");
    if (!problem->empty()) throw RequestError(503, "unavailable_error", *problem);
    co_await exchange.to_worker();  // where handlers begin
  }
}

std::optional<Residence::Lease> Residence::look() {
  const std::lock_guard lock(mutex_);
  if (state_ != State::awake) return std::nullopt;
  return take(/*is_work=*/false);
}

std::shared_ptr<Serving> Residence::current() const {
  const std::lock_guard lock(mutex_);
  return serving_;
}

bool Residence::is_away() const {
  const std::lock_guard lock(mutex_);
  return state_ != State::awake;
}

void Residence::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    answer_waiters(kStopping);
    changed_.notify_all();
  }
  if (keeper_.joinable()) keeper_.join();
}

void Residence::answer_waiters(const std::string& problem) {
  for (Waiter& waiter : waiters_) waiter.push(problem);
  waiters_.clear();
}

void Residence::keep() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (state_ == State::asleep) {
      if (waiters_.empty()) {
        changed_.wait(lock);
      } else {
        wake(lock);
      }
    } else if (!tickets_.empty()) {
      changed_.wait(lock);
    } else if (const auto until = last_use_ + settings_.idle; Clock::now() < until) {
      changed_.wait_until(lock, until);
    } else {
      fall_asleep(lock);
    }
  }
}

void Residence::fall_asleep(std::unique_lock<std::mutex>& lock) {
  auto leaving = serving_;
  const auto last_use = last_use_;
  lock.unlock();
  settings_.before_sleep(*leaving);
  lock.lock();
  if (!tickets_.empty() || last_use_ != last_use || serving_ != leaving) return;
  serving_ = nullptr;
  state_ = State::asleep;
  lock.unlock();
  log::info("nothing to do for {} s: the model leaves memory", settings_.idle.count());
  leaving.reset();
  malloc_trim(0);  // what was freed goes back to the system
  if (settings_.fell_asleep) settings_.fell_asleep();
  lock.lock();
}

void Residence::wake(std::unique_lock<std::mutex>& lock) {
  state_ = State::waking;
  lock.unlock();
  log::info("waking up: the model is loaded again");
  std::shared_ptr<Serving> loaded;
  std::string problem;
  const auto begin = Clock::now();
  try {
    loaded = settings_.load();
    log::info("awake after {:.2f} s", std::chrono::duration<double>(Clock::now() - begin).count());
  } catch (const std::exception& error) {
    problem = kNotLoaded;
    log::error("{}", error.what());
  } catch (...) {  // given up because the program ends
    problem = kStopping;
  }
  if (loaded && settings_.woke_up) settings_.woke_up();
  lock.lock();
  serving_ = std::move(loaded);
  state_ = serving_ ? State::awake : State::asleep;
  last_use_ = Clock::now();
  answer_waiters(is_stopping_ ? kStopping : problem);
}

}  // namespace llm::server
