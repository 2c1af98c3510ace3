#include "http/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace llm::http {
namespace {

constexpr std::string_view kHashed = "sha256:";

bool equal_in_constant_time(const Sha256& a, const Sha256& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

bool is_of(const KeyLimit& limit, std::string_view key, const Sha256& hash) {
  if (!limit.key.starts_with(kHashed)) return limit.key == key;
  return std::string_view(limit.key).substr(kHashed.size()) == to_hex(hash);
}

/// The limit that names the key, else the one of "*", else none.
KeyLimit limit_of(const std::vector<KeyLimit>& limits, std::string_view key, const Sha256& hash) {
  const KeyLimit* found = nullptr;
  for (const KeyLimit& limit : limits) {
    if (is_of(limit, key, hash)) return limit;
    if (limit.key == "*") found = &limit;
  }
  return found != nullptr ? *found : KeyLimit{};
}

void warn_of_unknown(const KeySet& set) {
  for (const KeyLimit& limit : set.limits) {
    const bool is_known =
        limit.key == "*" || std::any_of(set.keys.begin(), set.keys.end(), [&](const auto& key) {
          return is_of(limit, key, sha256(key));
        });
    // The key itself stays out of the log.
    if (!is_known)
      log::warn("limits: there is no key with the hash {}", limit.key.starts_with(kHashed)
                                                                ? limit.key.substr(kHashed.size())
                                                                : to_hex(sha256(limit.key)));
  }
}

}  // namespace

void KeyBudget::Bucket::set(double rate, Clock::time_point now) {
  if (rate == per_minute) return;
  refill(now);
  // What was used stays used.
  const double used = per_minute > 0 ? per_minute - left : 0;
  per_minute = rate;
  left = rate - used;
  at = now;
}

void KeyBudget::Bucket::refill(Clock::time_point now) {
  if (now <= at) return;  // another thread looked at the clock later and was here first
  const std::chrono::duration<double> passed = now - at;
  left = std::min(per_minute, left + passed.count() * per_minute / 60);
  at = now;
}

int KeyBudget::Bucket::wait_s(double wanted) const {
  constexpr double kLongest = 86'400;
  const double seconds = std::ceil((wanted - left) * 60 / per_minute);
  return static_cast<int>(std::clamp(seconds, 1.0, kLongest));
}

void KeyBudget::set_limit(KeyLimit limit, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  requests_.set(limit.requests_per_minute, now);
  tokens_.set(limit.tokens_per_minute, now);
  concurrent_limit_ = limit.concurrent_requests;
}

std::optional<KeyBudget::Refusal> KeyBudget::begin(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (concurrent_limit_ > 0 && running_ >= concurrent_limit_)
    return Refusal{
        fmt::format("Rate limit of this API key: at most {} requests at once", concurrent_limit_),
        1};
  if (tokens_.per_minute > 0) {
    tokens_.refill(now);
    if (tokens_.left <= 0)
      return Refusal{fmt::format("Rate limit of this API key: at most {} tokens per minute",
                                 tokens_.per_minute),
                     tokens_.wait_s(1)};
  }
  if (requests_.per_minute > 0) {
    requests_.refill(now);
    if (requests_.left < 1)
      return Refusal{fmt::format("Rate limit of this API key: at most {} requests per minute",
                                 requests_.per_minute),
                     requests_.wait_s(1)};
    requests_.left -= 1;
  }
  ++running_;
  return std::nullopt;
}

void KeyBudget::end() {
  const std::lock_guard lock(mutex_);
  --running_;
}

void KeyBudget::spend_tokens(std::int64_t count, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (tokens_.per_minute <= 0) return;
  tokens_.refill(now);
  tokens_.left -= static_cast<double>(count);
}

bool KeyBudget::counts_tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_.per_minute > 0;
}

void KeyTable::set(const KeySet& set) {
  warn_of_unknown(set);
  const auto before = entries();
  const auto now = KeyBudget::Clock::now();
  auto next = std::make_shared<Entries>();
  for (const std::string& key : set.keys) {
    Entry entry{.hash = sha256(key), .budget = nullptr};
    const auto is_same = [&](const Entry& other) { return other.hash == entry.hash; };
    if (std::any_of(next->begin(), next->end(), is_same)) continue;
    const auto known = std::find_if(before->begin(), before->end(), is_same);
    entry.budget = known != before->end() ? known->budget : std::make_shared<KeyBudget>();
    entry.budget->set_limit(limit_of(set.limits, key, entry.hash), now);
    next->push_back(std::move(entry));
  }
  const std::lock_guard lock(mutex_);
  entries_ = std::move(next);
}

std::shared_ptr<const KeyTable::Entries> KeyTable::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

bool KeyTable::needs_key() const {
  return !entries()->empty();
}

std::string_view offered_key(std::string_view authorization, std::string_view x_api_key) {
  std::string_view offered = authorization.empty() ? x_api_key : authorization;
  constexpr std::string_view kScheme = "Bearer ";
  if (offered.starts_with(kScheme)) offered.remove_prefix(kScheme.size());
  return offered;
}

std::shared_ptr<KeyBudget> KeyTable::find(std::string_view authorization,
                                          std::string_view x_api_key) const {
  const Sha256 hash = sha256(offered_key(authorization, x_api_key));
  std::shared_ptr<KeyBudget> found;
  const auto all = entries();
  for (const Entry& entry : *all)
    if (equal_in_constant_time(entry.hash, hash)) found = entry.budget;
  return found;
}

}  // namespace llm::http
