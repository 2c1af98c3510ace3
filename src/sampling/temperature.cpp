#include "sampling/temperature.h"

#include <algorithm>
#include <cmath>

#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

void keep_first_maximum(Candidates& candidates) {
  if (candidates.dense()) return candidates.keep_best(1);
  const auto& items = candidates.items();
  candidates.keep_only(
      *std::max_element(items.begin(), items.end(),
                        [](const Candidate& a, const Candidate& b) { return a.logit < b.logit; }));
}

}  // namespace

void temperature(Candidates& candidates, float t) {
  if (!(t > 0)) return keep_first_maximum(candidates);
  if (t == 1) return;
  if (candidates.dense()) return candidates.divide(t);
  const bool sorted = candidates.sorted();
  bool finite = true;
  for (Candidate& item : candidates.items()) {
    item.logit /= t;
    finite &= std::isfinite(item.logit);
  }
  // A division keeps the order, so the list is looked through again only after an overflow.
  if (!sorted || !finite) candidates.logits_changed();
}

void dynamic_temperature(Candidates& candidates, const DynamicTemperature& dynamic) {
  const std::size_t count = candidates.count();
  if (count <= 1) return;
  const double sum = candidates.softmax();
  const auto& items = candidates.items();
  float max = items.front().logit;
  for (const Candidate& item : items) max = std::max(max, item.logit);
  const double log_sum = log_f64(sum);
  double entropy = 0;
  for (const Candidate& item : items)
    entropy += static_cast<double>(item.p) * (log_sum + max - item.logit);
  const double share = std::clamp(entropy / log_f64(static_cast<double>(count)), 0.0, 1.0);
  const float low = std::max(0.0f, dynamic.t - dynamic.range);
  const float high = dynamic.t + dynamic.range;
  temperature(candidates,
              low + (high - low) * static_cast<float>(pow_f64(share, dynamic.exponent)));
}

}  // namespace llm::sampling
