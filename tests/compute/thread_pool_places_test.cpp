// Where the threads of a pool run, with which priority, and that they sleep as they are told to.
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "compute/cpu/cores.h"
#include "compute/thread_pool.h"

namespace llm::compute {
namespace {

using namespace std::chrono_literals;
using cpu::CpuList;
using testing::Each;
using testing::UnorderedElementsAre;

/// CPUs that the calling thread may run on.
CpuList places() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(pthread_getaffinity_np(pthread_self(), sizeof set, &set), 0);
  CpuList cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

/// Niceness of the calling thread as the system shows it.
int shown_nice() {
  std::ifstream file("/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream rest(line.substr(line.rfind(')') + 2));  // behind the name
  std::string field;
  for (int i = 3; i <= 19; ++i) rest >> field;
  return std::stoi(field);
}

/// A section in which each of `count` threads is asked once: calls wait for each other.
template <class Ask>
auto ask_threads(ThreadPool& pool, int count, Ask ask) {
  std::mutex mutex;
  std::map<std::thread::id, decltype(ask())> answers;
  std::atomic<int> here = 0;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  pool.run(
      [&](int) {
        ++here;
        while (here < count && std::chrono::steady_clock::now() < deadline)
          std::this_thread::sleep_for(100us);
        const std::scoped_lock lock(mutex);
        answers[std::this_thread::get_id()] = ask();
      },
      count);
  EXPECT_EQ(std::ssize(answers), count);
  return answers;
}

template <class Map>
auto values(const Map& map) {
  std::vector<typename Map::mapped_type> out;
  for (const auto& [key, value] : map) out.push_back(value);
  return out;
}

/// Runs it on a thread of its own, whose place does not matter afterwards.
template <class Work>
void apart(Work work) {
  std::thread(work).join();
}

int first() {
  return cpu::allowed_cpus().front();
}
int last() {
  return cpu::allowed_cpus().back();
}

TEST(ThreadPoolPlaces, NothingIsTouchedUnlessAsked) {
  apart([] {
    ThreadPool pool(3);
    pool.use(0);
    EXPECT_THAT(values(ask_threads(pool, 3, places)), Each(cpu::allowed_cpus()));
  });
}

// Threads that come one after the other often have the same id.
TEST(ThreadPoolPlaces, EveryCallingThreadTakesThePlace) {
  ThreadPool pool(2, {{.cpus = {{first()}}, .priority = -1}});
  const int before = shown_nice();
  for (int i = 0; i < 3; ++i) {
    apart([&] {
      pool.use(0);
      EXPECT_EQ(places(), CpuList{first()});
      EXPECT_EQ(shown_nice(), std::min(before + 5, 19));
    });
  }
}

TEST(ThreadPoolPlaces, ThreadsArePinnedAndTheCallerIsTheFirst) {
  apart([] {
    ThreadPool pool(3, {{.cpus = {{first()}, {last()}}}});
    pool.use(0);
    const auto answers = ask_threads(pool, 3, places);
    EXPECT_THAT(values(answers),
                UnorderedElementsAre(CpuList{first()}, CpuList{last()}, CpuList{first()}));
    EXPECT_EQ(answers.at(std::this_thread::get_id()), CpuList{first()});
    EXPECT_EQ(places(), CpuList{first()}) << "it stays there";
  });
}

TEST(ThreadPoolPlaces, MannersSwitchBetweenSections) {
  apart([] {
    ThreadPool pool(2, {{.cpus = {{first()}}}, {.cpus = {{last()}}, .priority = -1}});
    const int nice = shown_nice();
    for (int round = 0; round < 3; ++round) {
      pool.use(0);
      EXPECT_THAT(values(ask_threads(pool, 2, places)), Each(CpuList{first()}));
      pool.use(1);
      EXPECT_THAT(values(ask_threads(pool, 2, places)), Each(CpuList{last()}));
      EXPECT_THAT(values(ask_threads(pool, 2, shown_nice)), Each(nice + 5));
      // Taking niceness back needs a permission.
      if (::geteuid() != 0) break;
    }
  });
}

TEST(ThreadPoolPlaces, ALowPriorityIsSeenInProc) {
  apart([] {
    const int nice = shown_nice();
    ThreadPool pool(2, {{.priority = -1}});
    pool.use(0);
    EXPECT_THAT(values(ask_threads(pool, 2, shown_nice)), Each(nice + 5));
  });
  apart([] { EXPECT_EQ(shown_nice(), getpriority(PRIO_PROCESS, 0)) << "others keep theirs"; });
}

/// Takes the right to raise priorities from the calling thread.
void lose_right_to_raise() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  ASSERT_EQ(syscall(SYS_capget, &header, data), 0);
  data[0].effective &= ~(1u << CAP_SYS_NICE);
  data[0].permitted &= ~(1u << CAP_SYS_NICE);
  ASSERT_EQ(syscall(SYS_capset, &header, data), 0);
}

TEST(ThreadPoolPlaces, APriorityThatIsNotPermittedIsSaidAndWorkGoesOn) {
  rlimit nice{}, realtime{};
  getrlimit(RLIMIT_NICE, &nice);
  getrlimit(RLIMIT_RTPRIO, &realtime);
  if (nice.rlim_cur > 0 || realtime.rlim_cur > 0) GTEST_SKIP() << "everybody may raise them here";
  apart([] {
    lose_right_to_raise();
    EXPECT_THAT(take_place({.priority = 2}, 0), testing::HasSubstr("priority 2 (niceness"));
    EXPECT_THAT(take_place({.priority = 3}, 0), testing::HasSubstr("priority 3 is not given"));
    ThreadPool pool(2, {{.priority = 3}});
    pool.use(0);
    EXPECT_THAT(values(ask_threads(pool, 2, [] { return sched_getscheduler(0); })),
                Each(SCHED_OTHER));
  });
}

TEST(ThreadPoolPlaces, NoMoreThreadsThanCpusWork) {
  ThreadPool pool(8, {{.at_once = 2}});
  std::mutex mutex;
  std::map<std::thread::id, int> calls;
  for (int section = 0; section < 50; ++section) {
    std::atomic<int> all = 0;
    pool.run([&](int) {
      ++all;
      const std::scoped_lock lock(mutex);
      ++calls[std::this_thread::get_id()];
    });
    ASSERT_EQ(all, 8);
  }
  EXPECT_LE(calls.size(), 2u);
}

TEST(ThreadPoolPlaces, WhoIsNotOfTheTeamSleeps) {
  ThreadPool pool(4);
  std::mutex mutex;
  pool.run([](int) { std::this_thread::sleep_for(1ms); });  // all are awake
  std::map<std::thread::id, int> calls;
  for (int section = 0; section < 500; ++section) {
    pool.run(
        [&](int) {
          const std::scoped_lock lock(mutex);
          ++calls[std::this_thread::get_id()];
        },
        2);
  }
  EXPECT_LE(calls.size(), 2u);
}

double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

/// Processor time of a pool that has next to nothing to do, in seconds per second.
double load_with_spin(std::chrono::nanoseconds spin) {
  if (cpu::allowed_cpus().size() < 2) return 0;
  ThreadPool pool(2, {{.spin = spin}});
  const double before = processor_seconds();
  const auto begin = std::chrono::steady_clock::now();
  for (int section = 0; section < 100; ++section) {
    pool.run([](int) {});
    std::this_thread::sleep_for(2ms);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return (processor_seconds() - before) / took.count();
}

TEST(ThreadPoolPlaces, WithoutSpinningIdleThreadsCostNothing) {
  if (cpu::allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU: nobody spins";
  const double without = load_with_spin(0ns), with = load_with_spin(20ms);
  EXPECT_LT(without, 0.15);
  EXPECT_GT(with, 2 * without);
}

}  // namespace
}  // namespace llm::compute
