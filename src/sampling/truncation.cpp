#include "sampling/truncation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sampling/dense.h"
#include "sampling/prefix.h"
#include "sampling/scalar_math.h"

namespace llm::sampling {
namespace {

// Below this many candidates sorting is cheaper than bucketing.
constexpr std::size_t kSortLimit = 512;

double sigma_of(const std::vector<Candidate>& items) {
  double sum = 0, squares = 0;
  const double shift = items.front().logit;
  for (const Candidate& item : items) {
    const double d = item.logit - shift;
    sum += d;
    squares += d * d;
  }
  const double mean = sum / items.size();
  return std::sqrt(std::max(0.0, squares / items.size() - mean * mean));
}

/// Of a sorted list with valid p.
void keep_sorted_mass(Candidates& candidates, float mass, std::size_t min_keep) {
  const auto& items = candidates.items();
  double sum = 0;
  std::size_t size = 0;
  while (size < items.size()) {
    sum += items[size++].p;
    if (sum >= mass && size >= min_keep) break;
  }
  candidates.shrink(size);
}

/// Whole vocabulary to a list that holds at least the most probable `mass`, with p relative to
/// everything. Most distributions are peaked: few logits near the maximum suffice.
void gather_mass(Candidates& candidates, float mass, std::size_t min_keep) {
  const double total = candidates.dense_exp_sum();
  const float depth = 8 * candidates.divisor();
  static thread_local std::vector<Candidate> near;
  near.clear();
  candidates.collect(candidates.dense_max() - depth, near);
  double sum = 0;
  for (const Candidate& item : near)
    sum += exp_f32(item.logit - candidates.dense_max() / candidates.divisor());
  // A little more than asked for, so that rounding never decides.
  if (sum > (mass + 1e-4) * total && near.size() >= min_keep)
    candidates.gather(candidates.dense_max() - depth);
  else
    candidates.make_list();
  const double own_sum = candidates.softmax();
  const auto share = static_cast<float>(own_sum / total);
  for (Candidate& item : candidates.items()) item.p *= share;
}

}  // namespace

void top_n_sigma(Candidates& candidates, float n) {
  if (candidates.dense()) {
    // Sigma of divided logits is sigma / divisor, so the raw threshold needs no divisor.
    const double sigma = standard_deviation(candidates.logits());
    const float threshold = candidates.dense_max() - static_cast<float>(n * sigma);
    candidates.gather(threshold);
    return;
  }
  const auto& items = candidates.items();
  float max = items.front().logit;
  for (const Candidate& item : items) max = std::max(max, item.logit);
  const float threshold = max - static_cast<float>(n * sigma_of(items));
  candidates.hide_unless([&](const Candidate& c, std::size_t) { return c.logit >= threshold; });
}

void top_k(Candidates& candidates, int k) {
  candidates.keep_best(static_cast<std::size_t>(k));
}

void top_p(Candidates& candidates, float p, std::size_t min_keep) {
  if (candidates.dense())
    gather_mass(candidates, p, min_keep);
  else
    candidates.softmax();
  if (candidates.items().size() <= kSortLimit) candidates.sort();
  if (candidates.sorted()) return keep_sorted_mass(candidates, p, min_keep);
  keep_smallest_keys(
      candidates, [](const Candidate& c) { return -c.logit; }, p, min_keep);
}

void min_p(Candidates& candidates, float p, std::size_t min_keep) {
  const float depth = static_cast<float>(-log_f64(p));
  if (candidates.dense()) {
    static thread_local std::vector<Candidate> found;
    found.clear();
    const float threshold = candidates.dense_max() - depth * candidates.divisor();
    candidates.collect(threshold, found);
    if (found.size() < min_keep) return candidates.keep_best(min_keep);
    candidates.gather(threshold);
    return candidates.drop_hidden();
  }
  const auto& items = candidates.items();
  float max = items.front().logit;
  for (const Candidate& item : items) max = std::max(max, item.logit);
  const auto passes = [&](const Candidate& c) { return c.logit >= max - depth; };
  const auto passing = static_cast<std::size_t>(std::count_if(items.begin(), items.end(), passes));
  if (passing < min_keep) return candidates.keep_best(min_keep);
  candidates.filter([&](const Candidate& c, std::size_t) { return passes(c); });
  candidates.drop_hidden();
}

void typical_p(Candidates& candidates, float p, std::size_t min_keep) {
  // -ln p = (max - z) + ln(sum): no logarithm per candidate.
  const double sum = candidates.softmax();
  float max = candidates.items().front().logit;
  for (const Candidate& item : candidates.items()) max = std::max(max, item.logit);
  const float offset = max + static_cast<float>(log_f64(sum));
  double entropy = 0;
  for (const Candidate& item : candidates.items())
    entropy += static_cast<double>(item.p) * (offset - item.logit);
  const float h = static_cast<float>(entropy);
  const double more_than_p = std::nextafter(static_cast<double>(p), 2.0);
  keep_smallest_keys(
      candidates, [&](const Candidate& c) { return std::fabs(offset - c.logit - h); }, more_than_p,
      min_keep);
}

void exclude_top_choices(Candidates& candidates, float threshold, std::size_t min_keep) {
  if (candidates.count() < 2) return;
  candidates.softmax();
  const auto& items = candidates.items();
  const Candidate* last = nullptr;  // the least probable of the top choices
  std::size_t choices = 0;
  for (const Candidate& item : items) {
    if (item.p < threshold) continue;
    ++choices;
    if (!last || better(*last, item)) last = &item;
  }
  if (choices < 2 || candidates.count() - (choices - 1) < min_keep) return;
  const TokenId kept = last->token;
  candidates.filter(
      [&](const Candidate& c, std::size_t) { return c.p < threshold || c.token == kept; });
}

}  // namespace llm::sampling
