// One file from the network to its place on the disk: locked, resumed, checked, and only then
// visible under its name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/transfer.h"

namespace llm::hub {

struct Download {
  Get source;                          // address, token, headers
  std::filesystem::path target, lock;  // where the file and its lock go
  std::optional<std::uint64_t> size;   // as the hub says; every other size is an error
  std::string sha256;                  // lower-case hexadecimal; empty: only the size is checked
  std::string label;                   // for messages
  /// The address may hold something else one day: a file that is there is asked for again, and
  /// replaced when its ETag (kept beside it) has changed.
  bool revalidate = false;
  OnProgress on_progress;
};

/// Returns when the target is there. Throws Error: wrong size or checksum, no space, refused;
/// after a broken connection or Cancelled the part stays for the next time.
void download(const Download& what);

/// Throws Error with both numbers when `folder` has no room for `bytes`.
void check_space(const std::filesystem::path& folder, std::uint64_t bytes,
                 const std::string& label);

}  // namespace llm::hub
