// What this machine has for threads: logical CPUs, cores, memory nodes. Read from the scheduler and
// from /sys; tests bring a tree of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llm::compute::cpu {

/// Logical CPUs by number, ascending.
using CpuList = std::vector<int>;

/// "0-3,8" -> {0, 1, 2, 3, 8}, the form of Linux' files; nonsense is left out.
CpuList parse_cpu_list(std::string_view text);
std::string cpu_list_text(const CpuList& cpus);
CpuList intersection(const CpuList& a, const CpuList& b);

/// The affinity mask of the process as it was at the first call: before its threads were placed.
const CpuList& allowed_cpus();

/// Threads that are worth starting on these CPUs: one for each physical core, of the fast kind
/// where there are two kinds, and no more than a control group's quota allows; at least 1.
int default_threads(const CpuList& cpus, const std::string& sys = "/sys");

/// CPUs of each memory node that has any. A machine without NUMA is one node, or none.
std::vector<CpuList> memory_nodes(const std::string& sys = "/sys");

}  // namespace llm::compute::cpu
