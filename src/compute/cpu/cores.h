// How many threads the process may use.
#pragma once

namespace llm::compute::cpu {

/// Cores of the affinity mask, or fewer where a control group's quota allows less; at least 1.
int usable_cores();

}  // namespace llm::compute::cpu
