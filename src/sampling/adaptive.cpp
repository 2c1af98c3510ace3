#include "sampling/adaptive.h"

#include <algorithm>
#include <cmath>

namespace llm::sampling {
namespace {

constexpr float kWidth = 0.3f, kPeak = 5.0f, kSharpness = 10.0f;

}  // namespace

AdaptiveP::AdaptiveP(const Params& params) : params_(params) {
  params_.decay = std::clamp(params.decay, 0.0f, 0.99f);
  weight_ = 1 / (1 - params_.decay);
  sum_ = params_.target * weight_;
}

TokenId AdaptiveP::draw(Candidates& candidates, Generator& generator) {
  if (params_.target < 0) return sampling::draw(candidates, generator);
  candidates.softmax();
  const float target = std::clamp(2 * params_.target - sum_ / weight_, 0.0f, 1.0f);
  original_.clear();
  for (Candidate& item : candidates.items()) {
    original_.push_back(item.p);
    const float x = std::fabs(item.p - target) / kWidth;
    item.logit = kPeak - kSharpness * x * x / (1 + x);
  }
  candidates.mark_unsorted();
  candidates.softmax();
  const std::size_t drawn = draw_index(candidates, generator);
  drawn_p_ = original_[drawn];
  return candidates.items()[drawn].token;
}

void AdaptiveP::commit() {
  if (params_.target < 0) return;
  sum_ = drawn_p_ + params_.decay * sum_;
  weight_ = 1 + params_.decay * weight_;
}

}  // namespace llm::sampling
