// What the options about threads mean for the device.
#pragma once

#include <algorithm>
#include <string_view>
#include <thread>

#include "compute/device.h"
#include "options/options.h"

namespace llm {

inline compute::CpuTeam cpu_team(const TeamOptions& team) {
  return {.cpus = team.cpus(),
          .strict = team.strict == 1,
          .priority = team.priority,
          .poll = team.poll};
}

inline compute::Numa numa_mode(std::string_view word) {
  using compute::Numa;
  if (word == "distribute") return Numa::distribute;
  if (word == "isolate") return Numa::isolate;
  return word == "numactl" ? Numa::numactl : Numa::none;
}

/// -1 and 0 mean "choose" on the command line; the device chooses at 0.
inline compute::CpuSettings cpu_settings(const ThreadOptions& threads) {
  const int logical = static_cast<int>(std::thread::hardware_concurrency());
  const auto count = [&](int wanted) { return wanted == 0 ? logical : std::max(wanted, 0); };
  return {.threads = count(threads.generation),
          .batch_threads = count(threads.batch),
          .isa = {},
          .decode = cpu_team(threads.generating),
          .batch = cpu_team(threads.reading),
          .numa = numa_mode(threads.numa)};
}

}  // namespace llm
