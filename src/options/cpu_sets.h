// Sets of CPUs as texts: masks and ranges. Public because llama-bench, which has no table of
// options, takes them, too.
#pragma once

#include <string_view>
#include <vector>

namespace llm::options {

/// "f0", "0xF0" -> {4, 5, 6, 7}. Bits for CPUs that no machine has are dropped. Throws Error that
/// begins with the flag, also for a mask without bits.
std::vector<int> cpus_of_mask(std::string_view flag, std::string_view text);

/// "4-7" -> {4, 5, 6, 7}; "-7" begins at 0, "4-" does not end.
std::vector<int> cpus_of_range(std::string_view flag, std::string_view text);

}  // namespace llm::options
