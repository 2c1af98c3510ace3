#pragma once

#include "sampling/candidates.h"

namespace llm::sampling {

/// Divides the logits; T <= 0 keeps the first maximum only.
void temperature(Candidates& candidates, float t);

struct DynamicTemperature {
  float t, range, exponent;
};

/// Temperature between t - range and t + range (not below 0), higher the nearer the entropy is to
/// that of a uniform distribution over all candidates.
void dynamic_temperature(Candidates& candidates, const DynamicTemperature& dynamic);

}  // namespace llm::sampling
