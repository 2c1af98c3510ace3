// The smallest prefix, in the order of a key, whose probabilities reach a sum; found by bucketing
// instead of sorting, because only one bucket's inner order matters.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "sampling/candidates.h"

namespace llm::sampling {

class KeyBuckets {
 public:
  static constexpr int kCount = 512;

  KeyBuckets(float low, float high) : low_(low) {
    // Far-away keys would leave all interesting ones in one bucket; they share the last instead.
    const float range = std::min(high - low, 64.0f);
    if (range > 0) scale_ = kCount / range;
  }
  /// Grows with the key.
  int of(float key) const {
    const float at = (key - low_) * scale_;
    return at < kCount - 1 ? static_cast<int>(at) : kCount - 1;
  }
  void add(float key, float p) {
    const int b = of(key);
    mass_[b] += p;
    ++count_[b];
  }

  struct Crossing {
    int bucket = 0;
    double mass_before = 0;
    std::size_t count_before = 0;
  };
  /// The first bucket within which both `mass` and `min_keep` are reached.
  Crossing crossing(double mass, std::size_t min_keep) const {
    Crossing c;
    while (c.bucket < kCount - 1 && (c.mass_before + mass_[c.bucket] < mass ||
                                     c.count_before + count_[c.bucket] < min_keep)) {
      c.mass_before += mass_[c.bucket];
      c.count_before += count_[c.bucket++];
    }
    return c;
  }

 private:
  float low_, scale_ = 0;
  std::array<double, kCount> mass_{};
  std::array<std::size_t, kCount> count_{};
};

/// items() with valid p. Keeps those with the smallest keys (ties: smaller token first) until their
/// p sum reaches `mass` and min_keep are kept; the list's own order stays.
template <class KeyOf>
void keep_smallest_keys(Candidates& candidates, KeyOf key_of, double mass, std::size_t min_keep) {
  float low = std::numeric_limits<float>::infinity(), high = -low;
  for (const Candidate& item : candidates.items()) {
    const float key = key_of(item);
    low = std::min(low, key);
    high = std::max(high, key);
  }
  KeyBuckets buckets(low, high);
  for (const Candidate& item : candidates.items()) buckets.add(key_of(item), item.p);
  const KeyBuckets::Crossing crossing = buckets.crossing(mass, min_keep);

  const auto before = [&](const Candidate& a, const Candidate& b) {
    const float key_a = key_of(a), key_b = key_of(b);
    return key_a != key_b ? key_a < key_b : a.token < b.token;
  };
  static thread_local std::vector<Candidate> inside;
  inside.clear();
  for (const Candidate& item : candidates.items())
    if (buckets.of(key_of(item)) == crossing.bucket) inside.push_back(item);
  std::sort(inside.begin(), inside.end(), before);
  double sum = crossing.mass_before;
  std::size_t kept = 0;
  while (kept < inside.size()) {
    sum += inside[kept++].p;
    if (sum >= mass && crossing.count_before + kept >= min_keep) break;
  }
  candidates.filter([&](const Candidate& c, std::size_t) {
    const int b = buckets.of(key_of(c));
    if (b != crossing.bucket) return b < crossing.bucket;
    return kept > 0 && !before(inside[kept - 1], c);
  });
  candidates.drop_hidden();
}

}  // namespace llm::sampling
