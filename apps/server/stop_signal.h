// The signals that end or reload the program.
#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

namespace llm {

/// The first SIGINT or SIGTERM is remembered, the second ends the process at once. SIGHUP calls
/// what on_hangup() was given; it ends the process when it means that the terminal was closed.
class StopSignal {
 public:
  /// Before any other thread starts: all inherit the blocked signals.
  StopSignal();
  ~StopSignal();
  bool is_set() const { return count_.load() > 0; }
  void wait() const { count_.wait(0); }
  /// Called on the signals' thread; must not throw. Empty: nothing.
  void on_hangup(std::function<void()> reload);

 private:
  void watch();

  sigset_t signals_{};
  bool ends_with_terminal_ = false;
  std::mutex mutex_;
  std::function<void()> reload_;  // guarded by mutex_
  std::atomic<int> count_{0};
  std::thread thread_;
};

}  // namespace llm
