// What every operation of a rendering shares: the limits that stop a runaway template, the errors,
// and the binding of call arguments to parameters.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/value.h"

namespace llm::chat::jinja {

/// Why a template failed.
enum class FailureKind {
  syntax,   // the source does not parse
  raise,    // the template called raise_exception
  runtime,  // an operation was refused, or a limit reached
};

/// `what()` is the bare message; line and column (from 1) tell where, 0 where that is unknown.
class Failure : public std::runtime_error {
 public:
  Failure(FailureKind failure_kind, const std::string& message, int at_line = 0, int at_column = 0)
      : std::runtime_error(message), kind(failure_kind), line(at_line), column(at_column) {}
  FailureKind kind;
  int line, column;
};

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure(FailureKind::runtime, fmt::format(format, std::forward<Args>(args)...));
}

/// Bounds of one rendering. Real templates stay below a hundredth of each.
struct Limits {
  // Nested evaluations, macro calls included. Python stops at 1000 frames, about 250 macro calls;
  // one macro call nests about ten evaluations here.
  int depth = 2500;
  std::uint64_t steps = 20'000'000;
  // Bytes of all strings and list items ever made, not only of those alive.
  std::uint64_t bytes = std::uint64_t{512} << 20;
  // Each byte of input allows this much more.
  std::uint64_t steps_per_input_byte = 20;
  std::uint64_t bytes_per_input_byte = 100;
};

class Runtime {
 public:
  explicit Runtime(const Limits& limits, std::int64_t now_unix_s)
      : now_unix_s_(now_unix_s), limits_(limits) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime();

  /// Counts work; throws when there was too much of it.
  void step(std::uint64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.steps) refuse("the template runs for too long");
  }
  /// Counts memory before it is taken.
  void charge(std::uint64_t bytes) {
    if (bytes > limits_.bytes || (bytes_ += bytes) > limits_.bytes)
      refuse("the template makes too much text or too many values");
  }
  /// `count` items of a list; refuses products that overflow.
  void charge_items(std::uint64_t count) {
    if (count > std::numeric_limits<std::uint64_t>::max() / sizeof(Value))
      refuse("the template makes too much text or too many values");
    charge(count * sizeof(Value));
  }
  /// What was counted so far.
  struct Spent {
    std::uint64_t steps, bytes;
  };
  Spent spent() const { return {steps_, bytes_}; }
  void rewind(const Spent& spent) {
    steps_ = spent.steps;
    bytes_ = spent.bytes;
  }
  void grant_input(std::uint64_t bytes) {
    limits_.steps += bytes * limits_.steps_per_input_byte;
    limits_.bytes += bytes * limits_.bytes_per_input_byte;
  }
  Value text(std::string bytes) {
    charge(bytes.size() + sizeof(Text));
    return Value(std::move(bytes));
  }
  Value list(std::vector<Value> items, Flavor flavor = Flavor::plain) {
    charge_items(items.size() + 1);
    return make_list(std::move(items), flavor);
  }

  /// Containers that were changed after they were made, and could therefore hold themselves.
  /// They are emptied at the end, so that no circle of references outlives the rendering.
  void track(const std::shared_ptr<Object>& container);

  Value call(const Value& callee, const Arguments& arguments);

  std::int64_t now_unix_s() const { return now_unix_s_; }
  /// Beginnings of texts that raise_exception lets pass.
  std::span<const std::string_view> harmless;

  /// Guards one level of nesting.
  class Nested {
   public:
    explicit Nested(Runtime& runtime) : runtime_(runtime) {
      if (++runtime_.depth_ > runtime_.limits_.depth) {
        --runtime_.depth_;
        refuse("the template recurses too deeply");
      }
    }
    ~Nested() { --runtime_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Runtime& runtime_;
  };

 protected:
  void release_tracked();

 private:
  std::int64_t now_unix_s_;
  Limits limits_;
  std::uint64_t steps_ = 0;
  std::uint64_t bytes_ = 0;
  int depth_ = 0;
  std::vector<std::shared_ptr<Object>> tracked_;
};

/// Call arguments sorted to the parameters of a built-in function, as Python would.
class Bound {
 public:
  /// `names`: parameters in order, of which the first `required` must be given.
  Bound(std::string_view function, const Arguments& arguments,
        std::initializer_list<std::string_view> names, std::size_t required = 0);

  bool has(std::size_t i) const { return values_[i] != nullptr; }
  /// Given, and not none.
  bool some(std::size_t i) const { return has(i) && !values_[i]->is_none(); }
  const Value& operator[](std::size_t i) const { return *values_[i]; }

  bool truth(std::size_t i, bool otherwise) const;
  std::int64_t integer(std::size_t i, std::int64_t otherwise) const;
  const std::string& text(std::size_t i) const;
  std::string text(std::size_t i, std::string_view otherwise) const;

 private:
  static constexpr std::size_t kMost = 6;
  std::string_view function_;
  const Value* values_[kMost] = {};
};

}  // namespace llm::chat::jinja
