#include "sampling/probabilities.h"

#include <algorithm>
#include <limits>

#include "sampling/scalar_math.h"

namespace llm::sampling {

float shown_log_probability(double log_probability) {
  constexpr auto kLowest = static_cast<double>(std::numeric_limits<float>::lowest());
  // Not above 0: the logit itself may be infinite.
  return static_cast<float>(log_probability > kLowest ? std::min(log_probability, 0.0) : kLowest);
}

double top_log_probabilities(Candidates& candidates, std::size_t count,
                             std::vector<TokenProbability>& out) {
  static thread_local std::vector<Candidate> best;
  candidates.best(count, best);
  double log_normalizer;
  if (candidates.dense()) {
    log_normalizer = static_cast<double>(candidates.dense_max()) / candidates.divisor() +
                     log_f64(candidates.dense_exp_sum());
  } else {
    float max = candidates.items().front().logit;
    for (const Candidate& item : candidates.items()) max = std::max(max, item.logit);
    double sum = 0;
    for (const Candidate& item : candidates.items()) sum += exp_f32(item.logit - max);
    log_normalizer = max + log_f64(sum);
  }
  out.clear();
  for (const Candidate& item : best)
    out.push_back({item.token, shown_log_probability(item.logit - log_normalizer)});
  return log_normalizer;
}

}  // namespace llm::sampling
