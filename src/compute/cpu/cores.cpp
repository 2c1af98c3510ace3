#include "compute/cpu/cores.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <thread>

namespace llm::compute::cpu {
namespace {

constexpr int kMostCpus = 16384;  // twice as many as a Linux kernel can count

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

CpuList affinity() {
#if defined(__linux__)
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  const std::unique_ptr<cpu_set_t, Free> set(CPU_ALLOC(kMostCpus));
  const std::size_t size = CPU_ALLOC_SIZE(kMostCpus);
  CPU_ZERO_S(size, set.get());
  CpuList cpus;
  if (sched_getaffinity(0, size, set.get()) == 0) {
    for (int cpu = 0; cpu < kMostCpus; ++cpu)
      if (CPU_ISSET_S(cpu, size, set.get())) cpus.push_back(cpu);
  }
  if (!cpus.empty()) return cpus;
#endif
  CpuList all(std::max(1u, std::thread::hardware_concurrency()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// Whole cores of a cgroup v2 quota; a huge number when there is none. With more threads than
/// that, all of them stop together at the end of every period.
int quota_cores(const std::string& sys) {
  std::ifstream file(sys + "/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 1 << 20;
  return std::max(1, static_cast<int>(std::strtod(quota.c_str(), nullptr) / period));
}

}  // namespace

CpuList parse_cpu_list(std::string_view text) {
  std::set<int> cpus;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    int low = 0, high = 0;
    const char* const end = item.data() + item.size();
    const auto [at, problem] = std::from_chars(item.data(), end, low);
    if (problem != std::errc{}) continue;
    high = low;
    if (at != end && *at == '-' && std::from_chars(at + 1, end, high).ec != std::errc{}) continue;
    for (int cpu = std::max(low, 0); cpu <= std::min(high, kMostCpus - 1); ++cpu) cpus.insert(cpu);
  }
  return {cpus.begin(), cpus.end()};
}

std::string cpu_list_text(const CpuList& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[i]);
    if (last > i) text += fmt::format("-{}", cpus[last]);
    i = last + 1;
  }
  return text;
}

CpuList intersection(const CpuList& a, const CpuList& b) {
  CpuList both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

const CpuList& allowed_cpus() {
  static const CpuList cpus = affinity();
  return cpus;
}

int default_threads(const CpuList& cpus, const std::string& sys) {
  // Processors with two kinds of cores have a folder for each.
  const CpuList fast =
      intersection(cpus, parse_cpu_list(first_line(sys + "/devices/cpu_core/cpus")));
  std::set<std::string> cores;  // a core is the list of CPUs that share it
  for (const int cpu : fast.empty() ? cpus : fast) {
    const std::string folder = fmt::format("{}/devices/system/cpu/cpu{}/topology/", sys, cpu);
    const std::string siblings = first_line(folder + "thread_siblings_list");
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  return std::max(1, std::min(static_cast<int>(cores.size()), quota_cores(sys)));
}

std::vector<CpuList> memory_nodes(const std::string& sys) {
  std::map<int, CpuList> nodes;  // in the order of their numbers
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(sys + "/devices/system/node", none)) {
    const std::string name = entry.path().filename().string();
    int number = 0;
    if (!name.starts_with("node") ||
        std::from_chars(name.data() + 4, name.data() + name.size(), number).ec != std::errc{})
      continue;
    CpuList cpus = parse_cpu_list(first_line(entry.path().string() + "/cpulist"));
    if (!cpus.empty()) nodes[number] = std::move(cpus);
  }
  std::vector<CpuList> out;
  for (auto& [number, cpus] : nodes) out.push_back(std::move(cpus));
  return out;
}

}  // namespace llm::compute::cpu
