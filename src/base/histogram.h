// Counts of values by size, updated without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace llm {

/// A copy of a histogram. `counts` has one entry per bound (values up to it and above the bound
/// before) and one more for what is above the last.
struct HistogramValues {
  std::span<const double> bounds;
  std::vector<std::uint64_t> counts;
  double sum = 0;

  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t one : counts) all += one;
    return all;
  }
  /// Of the same bounds.
  void add(const HistogramValues& more) {
    if (counts.empty())
      *this = more;
    else if (!more.counts.empty()) {
      for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += more.counts[i];
      sum += more.sum;
    }
  }
};

/// observe() and values() may be called from every thread and never wait.
class Histogram {
 public:
  /// `bounds` ascend and outlive the histogram.
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds), counts_(new std::atomic<std::uint64_t>[bounds.size() + 1] {}) {}

  void observe(double value) noexcept {
    std::size_t bucket = 0;
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    double sum = sum_.load(std::memory_order_relaxed);
    while (!sum_.compare_exchange_weak(sum, sum + value, std::memory_order_relaxed)) {
    }
  }

  HistogramValues values() const {
    HistogramValues out{.bounds = bounds_, .counts = {}, .sum = sum_.load()};
    for (std::size_t i = 0; i <= bounds_.size(); ++i) out.counts.push_back(counts_[i].load());
    return out;
  }

 private:
  std::span<const double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

}  // namespace llm
