#include "router/ledger.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

namespace llm::router {
namespace {

struct Sum {
  int models = 0;
  std::uint64_t bytes = 0;
  void add(const Running& one) {
    ++models;
    bytes += one.bytes;
  }
};

bool fits(const Sum& sum, std::uint64_t wanted, const Limits& limits) {
  if (limits.models > 0 && sum.models >= limits.models) return false;
  return limits.bytes == 0 || sum.bytes + wanted <= limits.bytes;
}

}  // namespace

Decision make_room(std::span<const Running> running, std::uint64_t wanted_bytes,
                   const Limits& limits) {
  using enum Decision::Kind;
  Sum all, lasting, pinned;
  const Running* victim = nullptr;
  for (const auto& one : running) {
    all.add(one);
    if (!one.is_ending) lasting.add(one);
    if (one.is_pinned && !one.is_ending) pinned.add(one);
    const bool may_go = one.is_idle && !one.is_pinned && !one.is_ending;
    if (may_go && (!victim || one.last_used < victim->last_used)) victim = &one;
  }
  if (!fits(pinned, wanted_bytes, limits)) {
    Decision decision{.kind = never};
    const auto left = limits.bytes - std::min(pinned.bytes, limits.bytes);
    if (limits.bytes > 0 && wanted_bytes > left) decision.bytes_left = left;
    return decision;
  }
  if (fits(all, wanted_bytes, limits)) return {.kind = start};
  if (fits(lasting, wanted_bytes, limits) || !victim) return {.kind = wait};
  return {.kind = unload, .victim = victim->name};
}

std::uint64_t machine_memory() {
  auto bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
               static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
  // A container sees its own group as the root, a service its own below it ("0::/system.slice/x").
  std::string group;
  std::getline(std::ifstream("/proc/self/cgroup"), group);
  const auto own = group.starts_with("0::") ? group.substr(3) : std::string();
  for (const auto& path :
       {std::string("/sys/fs/cgroup/memory.max"), "/sys/fs/cgroup" + own + "/memory.max",
        std::string("/sys/fs/cgroup/memory/memory.limit_in_bytes")}) {
    std::uint64_t limit = 0;
    if (std::ifstream(path) >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

std::uint64_t resident_bytes(int pid) {
  std::ifstream in(fmt::format("/proc/{}/statm", pid));
  std::uint64_t size = 0, resident = 0;
  if (!(in >> size >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace llm::router
