#include "compute/cpu/placement.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"

namespace llm::compute::cpu {
namespace {

/// The CPUs of each node that are among `cpus`; what no node has is a node of its own.
std::vector<CpuList> by_node(const CpuList& cpus, const std::vector<CpuList>& nodes) {
  std::vector<CpuList> out;
  CpuList rest = cpus;
  for (const CpuList& node : nodes) {
    CpuList part = intersection(cpus, node), left;
    std::set_difference(rest.begin(), rest.end(), part.begin(), part.end(),
                        std::back_inserter(left));
    rest = std::move(left);
    if (!part.empty()) out.push_back(std::move(part));
  }
  if (!rest.empty()) out.push_back(std::move(rest));
  return out;
}

/// One of each list in turn, until all are used.
CpuList in_turn(const std::vector<CpuList>& lists) {
  CpuList out;
  for (std::size_t i = 0, left = 1; left > 0; ++i) {
    left = 0;
    for (const CpuList& list : lists) {
      if (i < list.size()) out.push_back(list[i]);
      if (i + 1 < list.size()) ++left;
    }
  }
  return out;
}

/// Up to the usual 20 us level by level; above, a doubling every five levels, up to 20 ms: longer
/// than what lies between two steps.
std::chrono::nanoseconds spin_of(int poll) {
  constexpr int kUsual = 50;
  constexpr double kUsualNs = 20'000;
  const double ns =
      poll <= kUsual ? kUsualNs * poll / kUsual : kUsualNs * std::exp2((poll - kUsual) / 5.0);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
}

ThreadManner manner_of(const CpuTeam& team, const Placement& placement) {
  return {.cpus = placement.of_worker,
          .at_once = static_cast<int>(placement.cpus.size()),
          .priority = team.priority,
          .spin = spin_of(team.poll)};
}

std::string numa_notice(Numa numa, const Machine& machine, const Placement& placement) {
  if (machine.nodes.size() < 2) return "--numa changes nothing: this machine has one memory node";
  const auto used = by_node(placement.cpus, machine.nodes).size();
  return fmt::format("--numa {}: threads on {} of {} memory nodes, CPUs {}",
                     numa == Numa::distribute ? "distribute"
                     : numa == Numa::isolate  ? "isolate"
                                              : "numactl",
                     used, machine.nodes.size(), cpu_list_text(placement.cpus));
}

}  // namespace

Machine this_machine() {
  Machine machine{.allowed = allowed_cpus(), .nodes = memory_nodes()};
#if defined(__linux__)
  machine.current = std::max(0, sched_getcpu());
#endif
  return machine;
}

Placement place(const CpuTeam& team, Numa numa, const Machine& machine, const char* what) {
  CpuList cpus = machine.allowed;
  if (!team.cpus.empty()) {
    cpus = intersection(cpus, team.cpus);
    if (cpus.empty())
      fail("CPU mask and range {}: of the CPUs {} none is here for this process, which may use {}",
           what, cpu_list_text(team.cpus), cpu_list_text(machine.allowed));
  }
  if (numa == Numa::isolate && machine.nodes.size() > 1) {
    for (const CpuList& node : machine.nodes) {
      if (!std::binary_search(node.begin(), node.end(), machine.current)) continue;
      const CpuList near = intersection(cpus, node);
      if (near.empty())
        fail(
            "--numa isolate: none of the CPUs {} {} is on the node of CPU {}, where the program "
            "started",
            cpu_list_text(cpus), what, machine.current);
      cpus = near;
    }
  }
  Placement out{.cpus = cpus, .of_worker = {}};
  const auto nodes =
      numa == Numa::distribute ? by_node(cpus, machine.nodes) : std::vector<CpuList>{cpus};
  if (team.strict) {
    for (const int cpu : in_turn(nodes)) out.of_worker.push_back({cpu});
  } else if (nodes.size() > 1) {
    out.of_worker = nodes;
  } else if (numa == Numa::numactl || cpus != machine.allowed) {
    out.of_worker = {cpus};
  }
  return out;
}

Plan plan_threads(const CpuSettings& settings, const Machine& machine) {
  Placement decode = place(settings.decode, settings.numa, machine, "for generating");
  Placement batch = place(settings.batch, settings.numa, machine, "for reading prompts");
  // Who is placed for one has to be set free for the other.
  if (decode.of_worker.empty() != batch.of_worker.empty()) {
    for (Placement* free : {&decode, &batch})
      if (free->of_worker.empty()) free->of_worker = {free->cpus};
  }
  Plan plan{};
  plan.decode_threads = settings.threads > 0 ? settings.threads : default_threads(decode.cpus);
  const bool as_decode = settings.threads > 0 || batch.cpus == decode.cpus;
  plan.batch_threads = settings.batch_threads > 0 ? settings.batch_threads
                       : as_decode                ? plan.decode_threads
                                                  : default_threads(batch.cpus);
  plan.manners = {manner_of(settings.decode, decode), manner_of(settings.batch, batch)};
  if (plan.manners[0] == plan.manners[1]) plan.manners.pop_back();
  if (settings.numa != Numa::none)
    plan.notices.push_back(numa_notice(settings.numa, machine, decode));
  if (plan.decode_threads > plan.manners.front().at_once)
    plan.notices.push_back(fmt::format("{} threads on {} CPUs: not more than {} work at a time",
                                       plan.decode_threads, decode.cpus.size(),
                                       decode.cpus.size()));
  return plan;
}

}  // namespace llm::compute::cpu
