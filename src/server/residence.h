// Whether the model is in memory, and who uses it. With an idle limit it leaves memory when nobody
// has used it for so long; the next request brings it back and waits meanwhile.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/http.h"
#include "server/serving.h"

namespace llm::server {

/// Safe to use from every thread.
class Residence {
 public:
  struct Settings {
    std::function<std::shared_ptr<Serving>()> load;  // throws; runs on a thread of this object
    std::chrono::seconds idle{0};                    // 0: never sleeps
    /// Keeps what is shown of it while it is away. It may stay after all: called again then.
    std::function<void(const Serving&)> before_sleep;
    std::function<void()> fell_asleep = {}, woke_up = {};  // may be empty
  };

  Residence() = default;
  ~Residence() { stop(); }
  Residence(const Residence&) = delete;
  Residence& operator=(const Residence&) = delete;

  /// Once, with the model that is loaded.
  void begin(std::shared_ptr<Serving> serving, Settings settings);
  /// Later requests get this one; earlier ones keep what they have.
  void replace(std::shared_ptr<Serving> serving);

  /// While it lives the model stays, and what serving() gave stays valid.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : from_(std::exchange(other.from_, nullptr)),
          ticket_(other.ticket_),
          is_work_(other.is_work_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (from_ != nullptr) from_->leave(ticket_, is_work_);
    }

   private:
    friend class Residence;
    Lease(Residence& from, std::uint64_t ticket, bool is_work)
        : from_(&from), ticket_(ticket), is_work_(is_work) {}
    Residence* from_;
    std::uint64_t ticket_;
    bool is_work_;
  };

  /// For work: waits while the model is away. RequestError(503) when it cannot come back.
  http::Task<Lease> enter(http::Exchange& exchange);
  /// For a look that must not wake it, nor keep it awake: nothing while it is away.
  std::optional<Lease> look();

  /// Of the newest model. Needs a lease (or nobody who replaces and no idle limit).
  Serving& serving() const { return *current(); }
  std::shared_ptr<Serving> current() const;
  bool is_away() const;

  /// Nothing is loaded or put to sleep any more; who waits for the model is refused.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { awake, asleep, waking };
  using Waiter = http::Channel<std::string>;  // gets "" when the model is there, or why it is not

  Lease take(bool is_work);
  void leave(std::uint64_t ticket, bool is_work);
  void keep();
  void fall_asleep(std::unique_lock<std::mutex>& lock);
  void wake(std::unique_lock<std::mutex>& lock);
  void answer_waiters(const std::string& problem);

  Settings settings_;
  mutable std::mutex mutex_;  // of all that follows
  std::condition_variable changed_;
  State state_ = State::awake;
  bool is_stopping_ = false;
  std::shared_ptr<Serving> serving_;
  std::uint64_t next_ticket_ = 0;
  std::set<std::uint64_t> tickets_;  // of leases
  /// Replaced models, with the first ticket that never saw them.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<Serving>>> replaced_;
  Clock::time_point last_use_{};
  std::vector<Waiter> waiters_;
  std::thread keeper_;
};

}  // namespace llm::server
