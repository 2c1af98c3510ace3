// Samplers that drop candidates and change no logits. Parameters that switch a sampler off are
// filtered out by the chain (chain.cpp), not here.
#pragma once

#include <cstddef>

#include "sampling/candidates.h"

namespace llm::sampling {

/// Drops logits below max - n * (standard deviation of the logits); they still count.
void top_n_sigma(Candidates& candidates, float n);

/// Keeps the k most probable, sorted.
void top_k(Candidates& candidates, int k);

/// Keeps the smallest set of most probable candidates whose probabilities reach `p` in sum.
void top_p(Candidates& candidates, float p, std::size_t min_keep);

/// Keeps candidates whose probability is at least `p` times the largest.
void min_p(Candidates& candidates, float p, std::size_t min_keep);

/// Locally typical sampling (arXiv:2202.00666): candidates whose information content is nearest to
/// the entropy, until their probabilities exceed `p` in sum.
void typical_p(Candidates& candidates, float p, std::size_t min_keep);

/// "Exclude top choices": of the candidates with probability >= threshold only the least probable
/// stays, if at least min_keep candidates remain. Whether it acts is decided by the caller's draw.
void exclude_top_choices(Candidates& candidates, float threshold, std::size_t min_keep);

}  // namespace llm::sampling
