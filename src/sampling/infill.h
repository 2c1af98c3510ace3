// For fill-in-the-middle: ends early when the model is inclined to, and unites candidates that
// begin with the same text.
#pragma once

#include "sampling/candidates.h"
#include "sampling/sampling.h"

namespace llm::sampling {

void infill(Candidates& candidates, const SamplerVocabulary& vocabulary);

}  // namespace llm::sampling
