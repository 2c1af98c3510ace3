// Which CPUs the threads of a team run on: masks, strict order and memory nodes become one list per
// thread. Decides only; ThreadPool does.
#pragma once

#include <vector>

#include "compute/cpu/cores.h"
#include "compute/device.h"
#include "compute/thread_manner.h"

namespace llm::compute::cpu {

struct Machine {
  CpuList allowed;             // to the process
  std::vector<CpuList> nodes;  // of memory
  int current = 0;             // the CPU that the program runs on
};
Machine this_machine();

struct Placement {
  CpuList cpus;                    // of all threads together
  std::vector<CpuList> of_worker;  // worker i: of_worker[i % size]; empty: not restricted
};
/// Throws Error when no CPU is left, with `what` for whose CPUs they are.
Placement place(const CpuTeam& team, Numa numa, const Machine& machine, const char* what);

/// How a device's threads run.
struct Plan {
  int decode_threads, batch_threads;
  std::vector<ThreadManner> manners;  // of decode, of batches; one when they are equal
  std::vector<std::string> notices;   // for the log
};
Plan plan_threads(const CpuSettings& settings, const Machine& machine);

}  // namespace llm::compute::cpu
