// What requests have used: a model's process tells it past the answer, so that it is known however
// the answer ends, and without reading it. Internal to the room.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "http/http.h"

namespace llm::router {

class Bill;

/// Of one run of a process. Any thread.
class Bills {
 public:
  /// "17 250": the request with the bill 17 has used 250 tokens. Others than those that are waited
  /// for are passed over.
  void settle(std::string_view report);
  /// No more will come.
  void close();

 private:
  friend class Bill;
  std::mutex mutex_;
  std::map<std::uint64_t, Bill*> open_;  // guarded by mutex_
  std::uint64_t last_ = 0;               // the same
  bool is_closed_ = false;               // the same
};

/// One request's.
class Bill {
 public:
  explicit Bill(Bills& bills);
  ~Bill();
  Bill(const Bill&) = delete;

  /// What the process is told, in the header kBillHeader.
  std::string number() const { return std::to_string(number_); }
  /// Tokens, as soon as they are told; nullopt after `limit`, or when none will come.
  http::Task<std::optional<std::int64_t>> wait(std::chrono::milliseconds limit);

 private:
  friend class Bills;
  Bills& bills_;
  std::uint64_t number_ = 0;
  std::optional<std::int64_t> tokens_;  // guarded by the mutex of bills_
  http::Signal signal_;
};

}  // namespace llm::router
