#include "sampling/draw.h"

#include <algorithm>
#include <cmath>

#include "sampling/dense.h"
#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

/// The probabilities of a group are computed again only where the drawn point lies.
TokenId draw_dense(Candidates& candidates, double share) {
  const double goal = share * candidates.dense_exp_sum();
  const auto logits = candidates.logits();
  const auto sums = candidates.group_sums();
  double before = 0;
  TokenId last = kNoToken;
  for (std::size_t group = 0; group < sums.size(); ++group) {
    if (sums[group] == 0) continue;
    const bool may_hold = before + sums[group] >= goal || group + 1 == sums.size();
    double sum = before;
    before += sums[group];
    const std::size_t end = std::min((group + 1) * kGroup, logits.size());
    // Also remembers a token in case rounding leaves the goal just behind the last one.
    if (!may_hold && last != kNoToken) continue;
    for (std::size_t i = group * kGroup; i < end; ++i) {
      const float p = exp_f32((logits[i] - candidates.dense_max()) / candidates.divisor());
      if (!(p > 0)) continue;
      sum += p;
      last = static_cast<TokenId>(i);
      if (may_hold && sum >= goal) return last;
    }
  }
  return last;
}

}  // namespace

double uniform(Generator& generator) {
  const double low = generator(), high = generator();
  const double share = (low + high * 4294967296.0) / 18446744073709551616.0;
  return std::min(share, std::nextafter(1.0, 0.0));
}

std::size_t draw_index(const Candidates& candidates, Generator& generator) {
  const auto& items = candidates.items();
  double total = 0;
  for (const Candidate& item : items) total += item.p;
  const double goal = uniform(generator) * total;
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!(items[i].p > 0)) continue;
    sum += items[i].p;
    last = i;
    if (sum >= goal) break;
  }
  return last;
}

TokenId draw(Candidates& candidates, Generator& generator) {
  if (candidates.dense()) return draw_dense(candidates, uniform(generator));
  candidates.softmax();
  return candidates.items()[draw_index(candidates, generator)].token;
}

}  // namespace llm::sampling
