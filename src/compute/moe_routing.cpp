#include "compute/moe_routing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace llm::compute {
namespace {

void softmax(std::span<float> x) {
  const float top = *std::max_element(x.begin(), x.end());
  float sum = 0;
  for (float& v : x) {
    v = std::exp(v - top);
    sum += v;
  }
  for (float& v : x) v /= sum;
}

void gate(MoeShape::Gating gating, std::span<float> x) {
  switch (gating) {
    case MoeShape::Gating::softmax:
      softmax(x);
      break;
    case MoeShape::Gating::sigmoid:
      for (float& v : x) v = 1 / (1 + std::exp(-v));
      break;
    case MoeShape::Gating::softmax_after_top_k:
      break;
  }
}

/// Experts outside the best groups lose their score.
void keep_best_groups(const MoeShape& shape, std::span<float> score) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::size_t size = score.size() / static_cast<std::size_t>(shape.groups);
  std::vector<std::pair<float, std::size_t>> groups;
  for (std::size_t first = 0; first < score.size(); first += size) {
    float best = kNever, second = kNever;
    for (const float s : score.subspan(first, size)) {
      if (s > best) {
        second = std::exchange(best, s);
      } else {
        second = std::max(second, s);
      }
    }
    groups.emplace_back(size > 1 ? best + second : best, first);
  }
  std::ranges::stable_sort(groups, std::ranges::greater{}, [](const auto& g) { return g.first; });
  for (std::size_t g = static_cast<std::size_t>(shape.groups_used); g < groups.size(); ++g) {
    std::ranges::fill(score.subspan(groups[g].second, size), kNever);
  }
}

}  // namespace

void choose_experts(const MoeShape& shape, std::span<const float> logits,
                    const float* selection_bias, std::span<std::int32_t> experts,
                    std::span<float> weights, std::span<float> scratch) {
  const auto count = logits.size();
  const std::span<float> probability = scratch.first(count), score = scratch.subspan(count, count);
  std::copy(logits.begin(), logits.end(), probability.begin());
  gate(shape.gating, probability);
  for (std::size_t e = 0; e < count; ++e) {
    score[e] = probability[e] + (selection_bias != nullptr ? selection_bias[e] : 0.0f);
  }
  if (shape.groups > 1) keep_best_groups(shape, score);
  for (std::size_t i = 0; i < experts.size(); ++i) {
    const auto best =
        static_cast<std::size_t>(std::max_element(score.begin(), score.end()) - score.begin());
    experts[i] = static_cast<std::int32_t>(best);
    weights[i] = probability[best];
    score[best] = -std::numeric_limits<float>::infinity();
  }
  if (shape.gating == MoeShape::Gating::softmax_after_top_k) softmax(weights);
  if (shape.normalize_weights) {
    float sum = 0;
    for (const float w : weights) sum += w;
    sum = std::max(sum, 6.103515625e-5f);  // the smallest normal f16: no division by zero
    for (float& w : weights) w /= sum;
  }
  if (shape.weights_scale != 0 && shape.weights_scale != 1) {
    for (float& w : weights) w *= shape.weights_scale;
  }
}

}  // namespace llm::compute
