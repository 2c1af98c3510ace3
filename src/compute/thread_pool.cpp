#include "compute/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace llm::compute {
namespace {

// Longer than the gaps between the sections of a step, shorter than anything a person would see
// as load. Waking from sleep costs 5 to 50 us, so the spin is worth about that.
constexpr auto kSpin = std::chrono::microseconds(20);
constexpr std::size_t kCacheLine = 64;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Watches `done` for the length of a spin; false when it did not come true.
template <class Done>
bool spin_until(std::chrono::nanoseconds length, Done done) {
  if (length.count() == 0) return done();
  const auto end = std::chrono::steady_clock::now() + length;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

/// The calls of a section are numbered; whoever is free takes the next number. One word holds the
/// section's number too, so that a thread that comes late never takes a call of the wrong section.
struct Claim {
  std::uint32_t section;
  std::uint16_t next;
  std::uint16_t team;

  static Claim unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }
  std::uint64_t pack() const {
    return std::uint64_t{section} << 32 | std::uint64_t{next} << 16 | team;
  }
};

constexpr std::uint64_t kOneCall = 1u << 16;
constexpr int kMaxThreads = 4096;

}  // namespace

struct ThreadPool::State {
  explicit State(int threads) : size(threads) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    // With more threads than cores a spinning thread holds the core that a working one needs.
    spin = threads <= std::max(cores, 1) ? std::chrono::nanoseconds(kSpin)
                                         : std::chrono::nanoseconds(0);
    for (int i = 1; i < threads; ++i) members.emplace_back([this] { serve(); });
  }

  ~State() {
    stopping.store(true, std::memory_order_relaxed);
    section.fetch_add(1, std::memory_order_release);
    section.notify_all();
    for (std::thread& member : members) member.join();
  }

  /// Takes calls of the current section until none is left.
  void work_on() {
    std::uint64_t word = claim.load(std::memory_order_acquire);
    for (;;) {
      const Claim now = Claim::unpack(word);
      if (now.next >= now.team) return;
      if (!claim.compare_exchange_weak(word, word + kOneCall, std::memory_order_acq_rel)) continue;
      // The section cannot end before this call is counted, so `job` stays what it is.
      try {
        (*job)(now.next);
      } catch (...) {
        const std::scoped_lock lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
      word = claim.load(std::memory_order_acquire);
    }
  }

  void serve() {
    std::uint32_t seen = 0;
    for (;;) {
      const auto begun = [&] { return section.load(std::memory_order_acquire) != seen; };
      while (!spin_until(spin, begun)) section.wait(seen, std::memory_order_acquire);
      seen = section.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_relaxed)) return;
      work_on();
    }
  }

  void run(FunctionRef<void(int)> work, int team) {
    job = &work;
    pending.store(static_cast<std::uint32_t>(team), std::memory_order_relaxed);
    const std::uint32_t number = section.load(std::memory_order_relaxed) + 1;
    const Claim open{number, 0, static_cast<std::uint16_t>(team)};
    claim.store(open.pack(), std::memory_order_release);
    section.store(number, std::memory_order_release);
    section.notify_all();
    work_on();
    const auto finished = [&] { return pending.load(std::memory_order_acquire) == 0; };
    while (!spin_until(spin, finished)) {
      const std::uint32_t left = pending.load(std::memory_order_acquire);
      if (left != 0) pending.wait(left, std::memory_order_acquire);
    }
    job = nullptr;
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }

  const int size;
  std::chrono::nanoseconds spin{};
  FunctionRef<void(int)>* job = nullptr;
  std::mutex failure_mutex;
  std::exception_ptr failure;
  std::atomic<bool> stopping{false};
  alignas(kCacheLine) std::atomic<std::uint64_t> claim{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> section{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> pending{0};
  std::vector<std::thread> members;
};

ThreadPool::ThreadPool(int threads)
    : state_(std::make_unique<State>(std::clamp(threads, 1, kMaxThreads))) {}

ThreadPool::~ThreadPool() = default;

int ThreadPool::size() const {
  return state_->size;
}

void ThreadPool::run(FunctionRef<void(int worker)> work, int team) {
  team = std::clamp(team, 1, state_->size);
  if (team == 1) return work(0);
  assert(!state_->job && "a section inside a section");
  state_->run(work, team);
}

void ThreadPool::for_each(std::int64_t count, std::int64_t grain,
                          FunctionRef<void(std::int64_t begin, std::int64_t end, int worker)> work,
                          int team) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = (count + grain - 1) / grain;
  team = static_cast<int>(std::min<std::int64_t>(std::clamp(team, 1, state_->size), pieces));
  if (team == 1) return work(0, count, 0);
  alignas(kCacheLine) std::atomic<std::int64_t> next{0};
  const auto take_pieces = [&](int worker) {
    for (;;) {
      const std::int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      work(begin, std::min(begin + grain, count), worker);
    }
  };
  run(take_pieces, team);
}

}  // namespace llm::compute
