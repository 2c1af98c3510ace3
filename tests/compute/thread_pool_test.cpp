#include "compute/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace llm::compute {
namespace {

TEST(ThreadPool, CallsEveryWorkerOnceInEachSection) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.size(), threads);
    std::vector<std::atomic<int>> calls(threads);
    for (int section = 1; section <= 2000; ++section) {
      pool.run([&](int worker) { calls.at(worker).fetch_add(1); });
      for (const auto& count : calls) ASSERT_EQ(count.load(), section);
    }
  }
}

TEST(ThreadPool, LimitsTheTeam) {
  ThreadPool pool(4);
  for (int team : {-1, 0, 1, 2, 3, 4, 9}) {
    std::vector<std::atomic<int>> calls(4);
    pool.run([&](int worker) { calls.at(worker).fetch_add(1); }, team);
    for (int worker = 0; worker < 4; ++worker) {
      EXPECT_EQ(calls[worker].load(), worker < std::max(team, 1)) << "team " << team;
    }
  }
}

TEST(ThreadPool, AThreadCountBelowOneMeansTheCallerAlone) {
  ThreadPool pool(0);
  EXPECT_EQ(pool.size(), 1);
  const std::thread::id caller = std::this_thread::get_id();
  pool.run([&](int worker) {
    EXPECT_EQ(worker, 0);
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(ThreadPool, ForEachCoversTheRangeOnce) {
  ThreadPool pool(3);
  for (std::int64_t count : {0, 1, 7, 64, 1000}) {
    for (std::int64_t grain : {-1, 0, 1, 3, 64, 5000}) {
      std::vector<std::atomic<int>> hits(count);
      pool.for_each(count, grain, [&](std::int64_t begin, std::int64_t end, int worker) {
        ASSERT_LT(begin, end);
        ASSERT_GE(worker, 0);
        ASSERT_LT(worker, 3);
        for (std::int64_t i = begin; i < end; ++i) hits.at(i).fetch_add(1);
      });
      EXPECT_TRUE(std::all_of(hits.begin(), hits.end(), [](const auto& n) { return n == 1; }));
    }
  }
}

TEST(ThreadPool, WritesOfASectionAreVisibleAfterIt) {
  ThreadPool pool(4);
  std::vector<std::int64_t> values(1000);
  for (int round = 0; round < 300; ++round) {
    pool.for_each(std::ssize(values), 10, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) values[i] += i;
    });
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), std::int64_t{0}), 300 * 999 * 500);
}

TEST(ThreadPool, ThrowsTheExceptionOfACallAndGoesOn) {
  ThreadPool pool(3);
  for (int thrower : {0, 1, 2}) {
    EXPECT_THROW(pool.run([&](int worker) {
      if (worker == thrower) throw std::runtime_error("broken");
    }),
                 std::runtime_error);
    std::atomic<int> calls = 0;
    pool.run([&](int) { ++calls; });
    EXPECT_EQ(calls, 3);
  }
}

TEST(ThreadPool, OneSlowWorkerDoesNotHoldTheOthersPieces) {
  ThreadPool pool(2);
  std::atomic<int> by_slow = 0, pieces = 0;
  std::atomic<int> slow = -1;
  pool.for_each(50, 1, [&](std::int64_t, std::int64_t, int worker) {
    int nobody = -1;
    slow.compare_exchange_strong(nobody, worker);
    ++pieces;
    if (worker == slow) {
      ++by_slow;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  EXPECT_EQ(pieces, 50);
  EXPECT_LT(by_slow, 25);
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST(ThreadPool, AnIdlePoolCostsNothing) {
  ThreadPool pool(4);
  pool.run([](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(processor_seconds() - before, 0.01);
}

TEST(ThreadPool, ManyMoreThreadsThanCoresDoNotCollapse) {
  ThreadPool pool(static_cast<int>(std::thread::hardware_concurrency()) * 8);
  std::atomic<std::int64_t> sum = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int section = 0; section < 500; ++section) {
    pool.for_each(64, 1, [&](std::int64_t i, std::int64_t, int) { sum += i; });
  }
  EXPECT_EQ(sum, 500 * 63 * 32);
  // A spinning barrier loses a scheduler slice (some ms) per section here: 500 of them are seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
}

}  // namespace
}  // namespace llm::compute
