// Adaptive-p: prefers candidates whose probability is near a target, which moves so that the
// running average of the chosen tokens' own probabilities meets the wished one. Makes the draw.
#pragma once

#include <vector>

#include "sampling/candidates.h"
#include "sampling/draw.h"

namespace llm::sampling {

class AdaptiveP {
 public:
  struct Params {
    float target;  // negative: plain draw
    float decay;   // 0..0.99
  };
  explicit AdaptiveP(const Params& params);

  TokenId draw(Candidates& candidates, Generator& generator);
  /// The last drawn token stands.
  void commit();

 private:
  Params params_;
  float sum_ = 0, weight_ = 1;
  float drawn_p_ = 0;
  std::vector<float> original_;  // scratch: probabilities before the transformation
};

}  // namespace llm::sampling
