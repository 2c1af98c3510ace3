// Log-probabilities for the client: of the model's raw logits, or of what the chain left.
#pragma once

#include <span>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/sampling.h"

namespace llm::sampling {

/// The `count` most probable candidates, best first, with natural logarithms of their probability.
/// Returns the logarithm of the normaliser: log p(token) = logit - it.
double top_log_probabilities(Candidates& candidates, std::size_t count,
                             std::vector<TokenProbability>& out);

/// What log p of 0 is shown as.
float shown_log_probability(double log_probability);

}  // namespace llm::sampling
