// How the threads of a pool run: on which CPUs, with which priority, and how long they look for
// work before they sleep.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace llm::compute {

struct ThreadManner {
  /// Worker i runs on cpus[i % cpus.size()], a list of logical CPUs; empty: wherever it happens to.
  std::vector<std::vector<int>> cpus;
  /// Workers that can run at the same time: more are not woken for a section.
  int at_once = 1 << 30;
  /// -1 low, 0 as the process, 1 medium, 2 high: niceness 5, 0, -5, -10 beside that of the process;
  /// 3 realtime: before every normal thread (SCHED_FIFO).
  int priority = 0;
  /// Longer than the gaps between the sections of a step, shorter than anything a person would see
  /// as load. Waking from sleep costs 5 to 50 us, so the spin is worth about that.
  std::chrono::nanoseconds spin = std::chrono::microseconds(20);

  friend bool operator==(const ThreadManner&, const ThreadManner&) = default;
};

/// Asks the system to run the calling thread as worker `worker`. Returns what it refused and why,
/// for the log; empty when nothing.
std::string take_place(const ThreadManner& manner, int worker);

}  // namespace llm::compute
