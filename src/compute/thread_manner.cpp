#include "compute/thread_manner.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace llm::compute {

#if defined(__linux__)

namespace {

/// Empty, or what went wrong.
std::string set_affinity(const std::vector<int>& cpus) {
  const int count = 1 + *std::max_element(cpus.begin(), cpus.end());
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  const std::unique_ptr<cpu_set_t, Free> set(CPU_ALLOC(count));
  const std::size_t size = CPU_ALLOC_SIZE(count);
  CPU_ZERO_S(size, set.get());
  for (const int cpu : cpus) CPU_SET_S(cpu, size, set.get());
  if (sched_setaffinity(0, size, set.get()) == 0) return {};
  return fmt::format("threads stay where they are: {}", std::strerror(errno));
}

// On Linux niceness and policy belong to threads, whatever POSIX says.
struct Scheduling {
  int nice, policy;
  sched_param parameters;
};

/// How the process was started: of the first thread that asks, before any has another.
const Scheduling& of_process() {
  static const Scheduling first = [] {
    Scheduling now{getpriority(PRIO_PROCESS, 0), sched_getscheduler(0), {}};
    sched_getparam(0, &now.parameters);
    return now;
  }();
  return first;
}

std::string set_priority(int priority) {
  constexpr int kRealtime = 3;
  constexpr std::array kNice = {5, 0, -5, -10};  // of priorities -1 to 2
  Scheduling wanted = of_process();
  if (priority == kRealtime) {
    // The lowest of them is before all normal threads, and behind those of the kernel.
    wanted.policy = SCHED_FIFO | SCHED_RESET_ON_FORK;
    wanted.parameters.sched_priority = sched_get_priority_min(SCHED_FIFO);
  } else {
    const int nice = wanted.nice + kNice[static_cast<std::size_t>(priority + 1)];
    wanted.nice = std::clamp(nice, -20, 19);
  }
  const bool has_policy = sched_getscheduler(0) == wanted.policy;
  if (!has_policy && sched_setscheduler(0, wanted.policy, &wanted.parameters) != 0)
    return fmt::format("priority {} is not given: {}", priority, std::strerror(errno));
  const bool has_nice = getpriority(PRIO_PROCESS, 0) == wanted.nice;
  if (!has_nice && setpriority(PRIO_PROCESS, 0, wanted.nice) != 0)
    return fmt::format("priority {} (niceness {}) is not given: {}", priority, wanted.nice,
                       std::strerror(errno));
  return {};
}

}  // namespace

std::string take_place(const ThreadManner& manner, int worker) {
  of_process();
  std::string refused;
  if (!manner.cpus.empty()) {
    refused = set_affinity(manner.cpus[static_cast<std::size_t>(worker) % manner.cpus.size()]);
  }
  const std::string also = set_priority(manner.priority);
  return refused.empty() ? also : refused;
}

#else

std::string take_place(const ThreadManner& manner, int) {
  if (manner.cpus.empty() && manner.priority == 0) return {};
  return "places and priorities of threads are set on Linux only";
}

#endif

}  // namespace llm::compute
