// Who may be loaded, and who must go for it: a decision over numbers. Internal to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace llm::router {

struct Running {
  std::string name;
  std::uint64_t bytes = 0;      // what it takes, or is expected to
  std::uint64_t last_used = 0;  // larger is later
  bool is_idle = false;         // neither loading nor answering
  bool is_pinned = false;
  bool is_ending = false;  // its place and memory come free by themselves
};

struct Limits {
  int models = 0;           // 0: none
  std::uint64_t bytes = 0;  // 0: none
};

struct Decision {
  enum class Kind {
    start,
    wait,    // for one that ends, or until one becomes idle
    unload,  // `victim`, then decide again
    never    // it does not fit, whoever goes
  } kind;
  std::string victim;
  /// Of `never`: what pinned models leave, when it is memory that is wanting.
  std::optional<std::uint64_t> bytes_left;
};

/// The idle model that was used least recently goes first; pinned ones, and those that load or
/// answer, never.
Decision make_room(std::span<const Running> running, std::uint64_t wanted_bytes,
                   const Limits& limits);

/// Memory of this machine, or of the container if that allows less. Bytes.
std::uint64_t machine_memory();
/// Resident memory of a process in bytes; 0 when it cannot be read.
std::uint64_t resident_bytes(int pid);

}  // namespace llm::router
