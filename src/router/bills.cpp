#include "router/bills.h"

#include <charconv>

namespace llm::router {

void Bills::settle(std::string_view report) {
  std::uint64_t number = 0;
  std::int64_t tokens = 0;
  const char* end = report.data() + report.size();
  const auto first = std::from_chars(report.data(), end, number);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ') return;
  const auto second = std::from_chars(first.ptr + 1, end, tokens);
  if (second.ec != std::errc{} || second.ptr != end || tokens < 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(number);
  if (found == open_.end()) return;
  found->second->tokens_ = tokens;
  found->second->signal_.notify();
}

void Bills::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  for (const auto& [number, bill] : open_) bill->signal_.notify();
}

Bill::Bill(Bills& bills) : bills_(bills) {
  const std::lock_guard lock(bills_.mutex_);
  number_ = ++bills_.last_;
  bills_.open_.emplace(number_, this);
}

Bill::~Bill() {
  const std::lock_guard lock(bills_.mutex_);
  bills_.open_.erase(number_);
}

http::Task<std::optional<std::int64_t>> Bill::wait(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (bool has_time = true;;) {
    {
      const std::lock_guard lock(bills_.mutex_);
      if (tokens_ || bills_.is_closed_ || !has_time) co_return tokens_;
    }
    has_time = co_await signal_.wait(deadline);
  }
}

}  // namespace llm::router
