// Coroutines that read a reply: straight-line code that waits for text wherever it needs more.
//
// A trampoline instead of symmetric transfer: GCC 12 makes no tail calls of it without
// optimisation, and a loop over short tasks would grow the stack.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace llm::chat {

/// Which coroutine goes on next; null while it waits for text or when all is read.
struct Driver {
  std::coroutine_handle<> next;

  void run() {
    while (next) std::exchange(next, nullptr).resume();
  }
};

/// A lazily started coroutine whose first parameter has a `driver`. Awaited at most once.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    Driver& driver;
    std::coroutine_handle<> parent;
    std::exception_ptr error;
    T value{};

    template <class Reading, class... Arguments>
    explicit promise_type(Reading& reading, Arguments&&...) : driver(reading.driver) {}

    struct Final {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        self.promise().driver.next = self.promise().parent;
      }
      void await_resume() noexcept {}
    };

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { error = std::current_exception(); }
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  /// Of the outermost one.
  void start(Driver& driver) { driver.next = handle_; }
  void rethrow() const {
    if (handle_ && handle_.promise().error) std::rethrow_exception(handle_.promise().error);
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> child;
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<> parent) noexcept {
        child.promise().parent = parent;
        child.promise().driver.next = child;
      }
      T await_resume() {
        if (child.promise().error) std::rethrow_exception(child.promise().error);
        return std::move(child.promise().value);
      }
    };
    return Awaiter{handle_};
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

}  // namespace llm::chat
