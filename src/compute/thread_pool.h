// A fixed team of threads for short parallel sections. The caller takes part as worker 0.
// Waiting is a brief spin and then a sleep, so an idle server costs nothing and a core lost to
// another process slows a section by its share only.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "compute/thread_manner.h"

namespace llm::compute {

/// A non-owning reference to a callable; valid during the call it is passed to.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
      FunctionRef(F&& f)  // NOLINT: implicit by design, like a reference
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

class ThreadPool {
 public:
  /// threads: team size including the caller, at least 1. With several manners, use() says which.
  explicit ThreadPool(int threads, std::vector<ThreadManner> manners = {{}});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  /// The manner of the sections that follow, the last one if there are fewer. Where manners ask for
  /// places or priorities, the calling thread takes those of worker 0 and keeps them: it is to be
  /// the one that runs the sections. Others follow when they next work. What the system refuses is
  /// logged once.
  void use(std::size_t manner);

  /// Calls work(worker) once for each worker in [0, min(team, size())) and returns when all calls
  /// are done; what they wrote is then visible. Calls of different workers overlap when cores are
  /// free, but a thread that comes late finds its call taken by another one: work must not wait for
  /// the calls of other workers. The first exception of a call is thrown again here.
  /// Used by one thread at a time; not from inside a section.
  void run(FunctionRef<void(int worker)> work, int team = 1 << 30);

  /// Cuts [0, count) into pieces of at most `grain` that workers take from a shared counter. With
  /// one worker there is one piece, the whole.
  void for_each(std::int64_t count, std::int64_t grain,
                FunctionRef<void(std::int64_t begin, std::int64_t end, int worker)> work,
                int team = 1 << 30);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::compute
