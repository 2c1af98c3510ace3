#include "sampling/mirostat.h"

#include <algorithm>
#include <cmath>

#include "sampling/scalar_math.h"
#include "sampling/truncation.h"

namespace llm::sampling {
namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr std::size_t kZipfSample = 100;

}  // namespace

void Mirostat::truncate_by_zipf(Candidates& candidates) const {
  const auto vocabulary = static_cast<double>(candidates.count());
  static thread_local std::vector<Candidate> best;
  candidates.best(kZipfSample, best);
  // Zipf exponent by least squares; ln(p_i / p_i+1) is the difference of the logits.
  double sum_tb = 0, sum_tt = 0;
  for (std::size_t i = 0; i + 1 < best.size(); ++i) {
    const double t = log_f64(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    const double b = static_cast<double>(best[i].logit) - best[i + 1].logit;
    sum_tb += t * b;
    sum_tt += t * t;
  }
  if (sum_tt == 0) return;
  const double s = sum_tb / sum_tt, epsilon = s - 1;
  const double share = 1 - pow_f64(vocabulary, -epsilon);
  // At s = 1 numerator and denominator vanish together: their quotient tends to 1 / ln(vocabulary).
  const double ratio = share == 0 ? 1 / log_f64(vocabulary) : epsilon / share;
  const double k = pow_f64(ratio * exp_f64(mu_ * kLn2), 1 / s);
  if (!(k < vocabulary)) return;  // also when it is not a number: nothing to truncate
  candidates.keep_best(std::max<std::size_t>(1, static_cast<std::size_t>(k)));
}

void Mirostat::truncate_by_surprise(Candidates& candidates) const {
  if (candidates.dense()) {
    // -log2 p <= mu as a threshold on the logit; at least the maximum stays.
    const double depth = mu_ * kLn2 - log_f64(candidates.dense_exp_sum());
    const float limit = static_cast<float>(depth) * candidates.divisor();
    candidates.gather(candidates.dense_max() - std::max(0.0f, limit));
    candidates.drop_hidden();
    return;
  }
  candidates.softmax();
  float best = 0;
  for (const Candidate& item : candidates.items()) best = std::max(best, item.p);
  const auto limit = std::min(best, static_cast<float>(exp_f64(-mu_ * kLn2)));
  candidates.filter([&](const Candidate& c, std::size_t) { return c.p >= limit; });
  candidates.drop_hidden();
}

TokenId Mirostat::draw(Candidates& candidates, Generator& generator) {
  if (params_.version == 1)
    truncate_by_zipf(candidates);
  else
    truncate_by_surprise(candidates);
  candidates.softmax();
  const Candidate& drawn = candidates.items()[draw_index(candidates, generator)];
  drawn_p_ = drawn.p;
  return drawn.token;
}

void Mirostat::commit() {
  const auto surprise = static_cast<float>(-log_f64(drawn_p_) / kLn2);
  mu_ -= params_.eta * (surprise - params_.tau);
}

}  // namespace llm::sampling
