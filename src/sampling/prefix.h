// The smallest prefix, in the order of a key, whose probabilities reach a sum; found by bucketing
// instead of sorting, because only one bucket's inner order matters.
#pragma once

#include <cstddef>
#include <functional>

#include "sampling/candidates.h"

namespace llm::sampling {

/// items() with valid p. Keeps those with the smallest keys (ties: smaller token first) until their
/// p sum reaches `mass` and min_keep are kept; the list's own order stays.
void keep_smallest_keys(Candidates& candidates,
                        const std::function<float(const Candidate&)>& key_of, double mass,
                        std::size_t min_keep);

}  // namespace llm::sampling
