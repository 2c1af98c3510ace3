#include "base/histogram.h"

#include <gtest/gtest.h>

#include <thread>

namespace llm {
namespace {

constexpr double kBounds[] = {1, 10};

TEST(Histogram, AValueOnABoundBelongsToIt) {
  Histogram histogram(kBounds);
  for (const double value : {0.5, 1.0, 1.5, 10.0, 11.0}) histogram.observe(value);
  const HistogramValues values = histogram.values();
  EXPECT_EQ(values.counts, (std::vector<std::uint64_t>{2, 2, 1}));
  EXPECT_EQ(values.sum, 24);
  EXPECT_EQ(values.count(), 5u);
}

TEST(Histogram, NothingIsLostBetweenThreads) {
  Histogram histogram(kBounds);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10000; ++i) histogram.observe(2);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(histogram.values().counts[1], 40000u);
  EXPECT_EQ(histogram.values().sum, 80000);
}

TEST(Histogram, CopiesAddUp) {
  Histogram one(kBounds), other(kBounds);
  one.observe(5);
  other.observe(50);
  HistogramValues sum;
  sum.add(one.values());
  sum.add(other.values());
  sum.add(HistogramValues{});
  EXPECT_EQ(sum.counts, (std::vector<std::uint64_t>{0, 1, 1}));
  EXPECT_EQ(sum.sum, 55);
}

}  // namespace
}  // namespace llm
