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
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/log.h"
#include "compute/cpu/cores.h"

namespace llm::compute {
namespace {

constexpr std::size_t kCacheLine = 64;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A futex on Linux: the library's own waiting spins and yields first, whatever --poll says.
void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
#if defined(__linux__)
  static_assert(sizeof(word) == sizeof(value) && std::atomic<std::uint32_t>::is_always_lock_free);
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value);
#endif
}

void wake_one(std::atomic<std::uint32_t>& word) {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#else
  word.notify_one();
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

/// What a calling thread has taken the place of worker 0 for. Of the thread, not of its id, which
/// the next thread may get.
struct OwnPlace {
  std::uint64_t pool = 0;
  std::size_t manner = 0;
};
thread_local OwnPlace own_place;
std::atomic<std::uint64_t> pools_made{0};

constexpr std::uint64_t kOneCall = 1u << 16;
constexpr int kMaxThreads = 4096;

}  // namespace

struct ThreadPool::State {
  State(int threads, std::vector<ThreadManner> given) : size(threads), manners(std::move(given)) {
    const int cores = static_cast<int>(cpu::allowed_cpus().size());
    for (ThreadManner& one : manners) {
      one.at_once = std::clamp(one.at_once, 1, size);
      most_at_once = std::max(most_at_once, one.at_once);
      // With more threads than cores a spinning thread holds the core that a working one needs.
      if (one.at_once > cores) one.spin = std::chrono::nanoseconds(0);
      is_placed = is_placed || !one.cpus.empty() || one.priority != 0;
    }
    members = std::vector<Member>(static_cast<std::size_t>(most_at_once));
    for (int i = 1; i < most_at_once; ++i) members[i].thread = std::thread([this, i] { serve(i); });
  }

  ~State() {
    stopping.store(true, std::memory_order_relaxed);
    section.fetch_add(1, std::memory_order_seq_cst);
    wake(most_at_once);
    for (Member& member : members)
      if (member.thread.joinable()) member.thread.join();
  }

  void use(std::size_t index) {
    index = std::min(index, manners.size() - 1);
    manner.store(index, std::memory_order_relaxed);
    if (!is_placed) return;
    if (own_place.pool == number && own_place.manner == index) return;
    own_place = {number, index};
    settle(0, index);
  }

  void settle(int worker, std::size_t index) {
    const std::string refused = take_place(manners[index], worker);
    if (!refused.empty() && !has_warned.exchange(true)) log::warn("{}", refused);
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
      if (pending.fetch_sub(1, std::memory_order_seq_cst) == 1) ring(members[0].asleep);
      word = claim.load(std::memory_order_acquire);
    }
  }

  void serve(int worker) {
    std::uint32_t seen = 0;
    std::size_t settled = manners.size();
    std::chrono::nanoseconds spin{};
    for (;;) {
      await(worker, spin, [&] { return section.load(std::memory_order_seq_cst) != seen; });
      seen = section.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_relaxed)) return;
      // Who is one too many sleeps at once: a section would find him spinning, and the next, too.
      spin = {};
      if (worker >= active.load(std::memory_order_relaxed)) continue;
      // A section that is over by now may have had another manner: the next call puts it right.
      const std::size_t index = manner.load(std::memory_order_relaxed);
      if (is_placed && settled != index) settle(worker, settled = index);
      spin = manners[index].spin;
      work_on();
    }
  }

  /// Waits for what others make true; who does so afterwards looks whether somebody is asleep.
  template <class Done>
  void await(int worker, std::chrono::nanoseconds spin, Done done) {
    if (spin_until(spin, done)) return;
    std::atomic<std::uint32_t>& asleep = members[worker].asleep;
    for (;;) {
      asleep.store(1, std::memory_order_seq_cst);
      if (done()) break;
      sleep_while(asleep, 1);
      if (done()) break;
    }
    asleep.store(0, std::memory_order_relaxed);
  }

  static void ring(std::atomic<std::uint32_t>& asleep) {
    if (asleep.load(std::memory_order_seq_cst) != 0 && asleep.exchange(0) != 0) wake_one(asleep);
  }

  /// Of the members, those below `end`.
  void wake(int end) {
    for (int i = 1; i < end; ++i) ring(members[i].asleep);
  }

  void run(FunctionRef<void(int)> work, int team) {
    job = &work;
    pending.store(static_cast<std::uint32_t>(team), std::memory_order_relaxed);
    const std::uint32_t current = section.load(std::memory_order_relaxed) + 1;
    const Claim open{current, 0, static_cast<std::uint16_t>(team)};
    claim.store(open.pack(), std::memory_order_release);
    const ThreadManner& now = manners[manner.load(std::memory_order_relaxed)];
    const int workers = std::min(team, now.at_once);
    active.store(workers, std::memory_order_relaxed);
    section.store(current, std::memory_order_seq_cst);
    wake(workers);
    work_on();
    await(0, now.spin, [&] { return pending.load(std::memory_order_seq_cst) == 0; });
    job = nullptr;
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }

  /// A thread of the pool. The first entry is the caller's and has no thread.
  struct alignas(kCacheLine) Member {
    std::atomic<std::uint32_t> asleep{0};
    std::thread thread;
  };

  const int size;
  const std::uint64_t number = pools_made.fetch_add(1) + 1;
  std::vector<ThreadManner> manners;
  int most_at_once = 1;
  bool is_placed = false;  // some manner asks the system for something
  std::atomic<std::size_t> manner{0};
  std::atomic<int> active{0};  // workers of the section
  std::atomic<bool> has_warned{false};
  FunctionRef<void(int)>* job = nullptr;
  std::mutex failure_mutex;
  std::exception_ptr failure;
  std::atomic<bool> stopping{false};
  alignas(kCacheLine) std::atomic<std::uint64_t> claim{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> section{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> pending{0};
  std::vector<Member> members;
};

ThreadPool::ThreadPool(int threads, std::vector<ThreadManner> manners)
    : state_(std::make_unique<State>(std::clamp(threads, 1, kMaxThreads), std::move(manners))) {}

ThreadPool::~ThreadPool() = default;

void ThreadPool::use(std::size_t manner) {
  state_->use(manner);
}

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
