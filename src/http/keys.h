// The API keys and what each may use: requests per minute, requests at once, tokens per minute.
// Both can be replaced while the server runs; a key that stays keeps what it has used.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"

namespace llm::http {

/// What one key may use; 0: no limit. A minute's worth may be used at once, then it grows back
/// steadily.
struct KeyLimit {
  std::string key;  // the key itself, "sha256:" and the hash of it, or "*": every key not named
  double requests_per_minute = 0, tokens_per_minute = 0;
  int concurrent_requests = 0;
};

struct KeySet {
  std::vector<std::string> keys;  // empty: nobody needs one
  std::vector<KeyLimit> limits;
};

/// What a key has left. Times are of the steady clock: setting the wall clock changes nothing. Any
/// thread.
class KeyBudget {
 public:
  using Clock = std::chrono::steady_clock;
  struct Refusal {
    std::string message;
    int retry_after_s;
  };

  void set_limit(KeyLimit limit, Clock::time_point now);
  /// Takes one request, or says why not. What was taken is given back by end().
  std::optional<Refusal> begin(Clock::time_point now);
  void end();
  /// Tokens are known when they were used, so a request may overdraw; the next ones wait.
  void spend_tokens(std::int64_t count, Clock::time_point now);
  bool counts_tokens() const;

 private:
  /// Grows by a minute's worth per minute up to that.
  struct Bucket {
    double per_minute = 0, left = 0;
    Clock::time_point at{};
    void set(double rate, Clock::time_point now);
    void refill(Clock::time_point now);
    /// Seconds, at least one, until `wanted` is there.
    int wait_s(double wanted) const;
  };

  mutable std::mutex mutex_;  // of what follows
  Bucket requests_, tokens_;
  int concurrent_limit_ = 0, running_ = 0;
};

/// A request that was begun; ends it when it goes away.
class KeyPermit {
 public:
  explicit KeyPermit(std::shared_ptr<KeyBudget> budget) : budget_(std::move(budget)) {}
  ~KeyPermit() { budget_->end(); }
  KeyPermit(const KeyPermit&) = delete;
  KeyPermit& operator=(const KeyPermit&) = delete;
  void spend_tokens(std::int64_t count) { budget_->spend_tokens(count, KeyBudget::Clock::now()); }
  bool counts_tokens() const { return budget_->counts_tokens(); }

 private:
  std::shared_ptr<KeyBudget> budget_;
};

/// The key that the headers carry; Authorization, with or without "Bearer ", goes first.
std::string_view offered_key(std::string_view authorization, std::string_view x_api_key);

/// Any thread.
class KeyTable {
 public:
  explicit KeyTable(const KeySet& keys) { set(keys); }
  void set(const KeySet& keys);
  bool needs_key() const;
  /// Of the key that the headers carry; nullptr when it is none of ours. Keys are compared by their
  /// hashes, in a time that does not depend on what they are.
  std::shared_ptr<KeyBudget> find(std::string_view authorization, std::string_view x_api_key) const;

 private:
  struct Entry {
    Sha256 hash;
    std::shared_ptr<KeyBudget> budget;
  };
  using Entries = std::vector<Entry>;
  std::shared_ptr<const Entries> entries() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Entries> entries_ = std::make_shared<Entries>();  // guarded by mutex_
};

}  // namespace llm::http
