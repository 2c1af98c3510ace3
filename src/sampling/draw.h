// Drawing from the candidates that are left. Distributions of the standard library are not used:
// their results differ between libraries; the generator's are fixed by the standard.
#pragma once

#include <cstddef>
#include <random>

#include "sampling/candidates.h"

namespace llm::sampling {

using Generator = std::mt19937;

/// Uniform in [0, 1), from two outputs.
double uniform(Generator& generator);

/// Draws by probability: the first candidate, in list order, at which the running sum reaches the
/// drawn share. A list's p are valid afterwards; a whole vocabulary stays one.
TokenId draw(Candidates& candidates, Generator& generator);

/// Index into items() of the same draw; p must be valid.
std::size_t draw_index(const Candidates& candidates, Generator& generator);

}  // namespace llm::sampling
