#include "cuda_on_cpu.h"

#include <boost/context/fiber.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace cuda_on_cpu {
namespace {

namespace context = boost::context;

constexpr unsigned kWarp = 32;
constexpr std::size_t kStackBytes = 64 * 1024;

enum class State : std::uint8_t { runs, waits_for_block, waits_for_warp, ended };

struct Warp {
  std::uint64_t deposited[kWarp] = {}, seen[kWarp] = {};
  const char* what = nullptr;  // the exchange that its lanes wait in
  unsigned waiting = 0, ended = 0, lanes = 0;
};

struct Thread {
  Place place;
  unsigned number = 0;  // in its block
  State state = State::runs;
  context::fiber fiber;
  context::fiber* caller = nullptr;  // inside the fibre: who resumed it
};

/// Stacks are used again: a block takes hundreds.
class StackPool {
 public:
  context::stack_context allocate() {
    if (free_.empty()) return maker_.allocate();
    const context::stack_context stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void deallocate(context::stack_context& stack) { free_.push_back(stack); }
  ~StackPool() {
    for (context::stack_context& stack : free_) maker_.deallocate(stack);
  }

 private:
  context::fixedsize_stack maker_{kStackBytes};
  std::vector<context::stack_context> free_;
};

/// What a fibre keeps: the pool itself belongs to the thread.
struct PooledStack {
  StackPool* pool;
  context::stack_context allocate() { return pool->allocate(); }
  void deallocate(context::stack_context& stack) { pool->deallocate(stack); }
};

thread_local StackPool stacks;

struct Block {
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  unsigned waiting = 0, ended = 0;
  std::vector<std::uint64_t> shared;
};

thread_local Block* block = nullptr;
thread_local Thread* current = nullptr;
thread_local Order order = Order::ascending;

[[noreturn]] void give_up(const char* why, const Thread& thread) {
  std::fprintf(stderr, "cuda_on_cpu: %s: thread %u of block (%u, %u, %u)%s%s\n", why, thread.number,
               thread.place.block.x, thread.place.block.y, thread.place.block.z,
               block->warps[thread.number / kWarp].what != nullptr ? " at " : "",
               block->warps[thread.number / kWarp].what != nullptr
                   ? block->warps[thread.number / kWarp].what
                   : "");
  std::abort();
}

void suspend() {
  context::fiber& caller = *current->caller;
  caller = std::move(caller).resume();
}

void resume(Thread& thread, const std::function<void()>& body) {
  current = &thread;
  if (!thread.fiber) {
    thread.fiber = context::fiber(std::allocator_arg, PooledStack{&stacks},
                                  [&thread, &body](context::fiber&& caller) {
                                    thread.caller = &caller;
                                    body();
                                    thread.state = State::ended;
                                    return std::move(caller);
                                  });
  }
  thread.fiber = std::move(thread.fiber).resume();
}

/// Lets those go on who wait for nobody any more; false when there are none.
bool release() {
  bool any = false;
  for (std::size_t w = 0; w < block->warps.size(); ++w) {
    Warp& warp = block->warps[w];
    if (warp.waiting == 0 || warp.waiting + warp.ended != warp.lanes) continue;
    std::copy(std::begin(warp.deposited), std::end(warp.deposited), std::begin(warp.seen));
    warp.waiting = 0;
    warp.what = nullptr;
    for (unsigned i = 0; i < warp.lanes; ++i) {
      Thread& thread = block->threads[w * kWarp + i];
      if (thread.state == State::waits_for_warp) thread.state = State::runs;
    }
    any = true;
  }
  if (block->waiting > 0 && block->waiting + block->ended == block->threads.size()) {
    block->waiting = 0;
    for (Thread& thread : block->threads) {
      if (thread.state == State::waits_for_block) thread.state = State::runs;
    }
    any = true;
  }
  return any;
}

void run_block(const std::function<void()>& body) {
  const std::size_t count = block->threads.size();
  while (block->ended < count) {
    for (std::size_t i = 0; i < count; ++i) {
      Thread& thread = block->threads[order == Order::ascending ? i : count - 1 - i];
      if (thread.state != State::runs) continue;
      resume(thread, body);
      if (thread.state == State::ended) {
        ++block->ended;
        ++block->warps[thread.number / kWarp].ended;
      }
    }
    if (block->ended == count || release()) continue;
    const auto stuck =
        std::find_if(block->threads.begin(), block->threads.end(),
                     [](const Thread& thread) { return thread.state != State::ended; });
    give_up("waits for threads that do not come", *stuck);
  }
}

}  // namespace

const Place& place() {
  return current->place;
}

void set_order(Order wanted) {
  order = wanted;
}

int lane() {
  return static_cast<int>(current->number % kWarp);
}

void* dynamic_shared() {
  return block->shared.data();
}

void wait_for_block() {
  current->state = State::waits_for_block;
  ++block->waiting;
  suspend();
}

const std::uint64_t* exchange(const char* what, std::uint64_t value) {
  Thread& self = *current;
  Warp& warp = block->warps[self.number / kWarp];
  if (warp.waiting > 0 && std::strcmp(warp.what, what) != 0) {
    give_up("lanes of a warp are at different places", self);
  }
  warp.what = what;
  warp.deposited[self.number % kWarp] = value;
  ++warp.waiting;
  self.state = State::waits_for_warp;
  suspend();
  return warp.seen;
}

void run(dim3 grid, dim3 size, std::size_t shared_bytes, const std::function<void()>& thread) {
  Block here;
  const unsigned count = size.x * size.y * size.z;
  block = &here;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        here.threads = std::vector<Thread>(count);
        here.warps.assign((count + kWarp - 1) / kWarp, {});
        here.waiting = here.ended = 0;
        here.shared.assign((shared_bytes + 7) / 8, ~std::uint64_t{0});
        for (unsigned i = 0; i < count; ++i) {
          here.threads[i].number = i;
          here.threads[i].place = {
              {i % size.x, i / size.x % size.y, i / size.x / size.y}, {x, y, z}, size, grid};
          ++here.warps[i / kWarp].lanes;
        }
        run_block(thread);
      }
    }
  }
  block = nullptr;
  current = nullptr;
}

}  // namespace cuda_on_cpu
