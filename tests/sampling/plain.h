// The samplers once more, as plainly as they can be written: full sorts, f64. The fast ones are
// compared with these.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "base/token.h"

namespace llm::sampling::plain {

struct Item {
  TokenId token;
  double logit;
};
using List = std::vector<Item>;

inline List list_of(const std::vector<float>& logits) {
  List list;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (std::isfinite(logits[i])) list.push_back({static_cast<TokenId>(i), logits[i]});
  std::stable_sort(list.begin(), list.end(),
                   [](const Item& a, const Item& b) { return a.logit > b.logit; });
  return list;
}

inline std::vector<double> softmax(const List& list) {
  double max = -INFINITY, sum = 0;
  for (const Item& item : list) max = std::max(max, item.logit);
  std::vector<double> p;
  for (const Item& item : list) {
    p.push_back(std::exp(item.logit - max));
    sum += p.back();
  }
  for (double& value : p) value /= sum;
  return p;
}

inline double entropy(const List& list) {
  double h = 0;
  for (const double p : softmax(list))
    if (p > 0) h -= p * std::log(p);
  return h;
}

inline List top_k(List list, std::size_t k) {
  list.resize(std::min(k, list.size()));
  return list;
}

inline List top_p(List list, double p, std::size_t min_keep) {
  const auto probabilities = softmax(list);
  double sum = 0;
  std::size_t size = 0;
  while (size < list.size()) {
    sum += probabilities[size++];
    if (sum >= p && size >= min_keep) break;
  }
  list.resize(size);
  return list;
}

inline List min_p(List list, double p, std::size_t min_keep) {
  std::size_t size = 1;
  while (size < list.size() && (size < min_keep || list[size].logit >= list[0].logit + std::log(p)))
    ++size;
  list.resize(size);
  return list;
}

inline List typical(const List& list, double p, std::size_t min_keep) {
  const auto probabilities = softmax(list);
  const double h = entropy(list);
  std::vector<std::size_t> order(list.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::fabs(-std::log(probabilities[a]) - h) < std::fabs(-std::log(probabilities[b]) - h);
  });
  List kept;
  double sum = 0;
  for (const std::size_t i : order) {
    kept.push_back(list[i]);
    sum += probabilities[i];
    if (sum > p && kept.size() >= min_keep) break;
  }
  return kept;
}

inline List top_n_sigma(const List& list, double n) {
  double mean = 0, variance = 0;
  for (const Item& item : list) mean += item.logit / list.size();
  for (const Item& item : list) variance += (item.logit - mean) * (item.logit - mean) / list.size();
  List kept;
  for (const Item& item : list)
    if (item.logit >= list[0].logit - n * std::sqrt(variance)) kept.push_back(item);
  return kept;
}

inline List xtc(const List& list, double threshold, std::size_t min_keep) {
  const auto p = softmax(list);
  std::size_t last = 0;
  while (last + 1 < list.size() && p[last + 1] >= threshold) ++last;
  if (list.size() < 2 || p[0] < threshold || list.size() - last < min_keep) return list;
  return {list.begin() + static_cast<std::ptrdiff_t>(last), list.end()};
}

inline std::set<TokenId> tokens_of(const List& list) {
  std::set<TokenId> tokens;
  for (const Item& item : list) tokens.insert(item.token);
  return tokens;
}

/// Logits as models give them: a few high ones, a wide bulk. Distinct values.
inline std::vector<float> random_logits(std::size_t n, std::uint32_t seed, float width = 2) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> bulk(0, width), peak(8, 2);
  std::vector<float> logits(n);
  for (float& z : logits) z = bulk(generator);
  for (int i = 0; i < 10; ++i) logits[generator() % n] = peak(generator);
  return logits;
}

}  // namespace llm::sampling::plain
