#include "sampling/prefix.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <vector>

namespace llm::sampling {
namespace {

constexpr int kBuckets = 512;

struct Entry {
  float key;
  TokenId token;
  float p;
  bool operator<(const Entry& other) const {
    return std::tie(key, token) < std::tie(other.key, other.token);
  }
};

struct Buckets {
  float low = std::numeric_limits<float>::infinity(), scale = 0;
  std::array<double, kBuckets> mass{};
  std::array<std::size_t, kBuckets> count{};

  int of(float key) const {
    const float at = (key - low) * scale;
    return at < kBuckets - 1 ? static_cast<int>(at) : kBuckets - 1;
  }
};

}  // namespace

void keep_smallest_keys(Candidates& candidates,
                        const std::function<float(const Candidate&)>& key_of, double mass,
                        std::size_t min_keep) {
  static thread_local std::vector<Entry> entries, inside;
  entries.clear();
  Buckets buckets;
  float high = -std::numeric_limits<float>::infinity();
  for (const Candidate& item : candidates.items()) {
    entries.push_back({key_of(item), item.token, item.p});
    buckets.low = std::min(buckets.low, entries.back().key);
    high = std::max(high, entries.back().key);
  }
  // Far-away keys would leave all interesting ones in one bucket; they share the last one instead.
  const float range = std::min(high - buckets.low, 64.0f);
  if (range > 0) buckets.scale = kBuckets / range;
  for (const Entry& entry : entries) {
    const int b = buckets.of(entry.key);
    buckets.mass[b] += entry.p;
    ++buckets.count[b];
  }

  int crossing = 0;
  double sum = 0;
  std::size_t kept = 0;
  while (crossing < kBuckets - 1 &&
         (sum + buckets.mass[crossing] < mass || kept + buckets.count[crossing] < min_keep)) {
    sum += buckets.mass[crossing];
    kept += buckets.count[crossing++];
  }

  inside.clear();
  for (const Entry& entry : entries)
    if (buckets.of(entry.key) == crossing) inside.push_back(entry);
  std::sort(inside.begin(), inside.end());
  const Entry* last = nullptr;
  for (const Entry& entry : inside) {
    last = &entry;
    sum += entry.p;
    ++kept;
    if (sum >= mass && kept >= min_keep) break;
  }
  candidates.filter([&](const Candidate&, std::size_t i) {
    const int b = buckets.of(entries[i].key);
    return b < crossing || (b == crossing && last && !(*last < entries[i]));
  });
  candidates.drop_hidden();
}

}  // namespace llm::sampling
