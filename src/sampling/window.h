// The last tokens of a sequence, in one piece of memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "base/token.h"

namespace llm::sampling {

class TokenWindow {
 public:
  explicit TokenWindow(int limit) : limit_(static_cast<std::size_t>(std::max(0, limit))) {}

  void push(TokenId token) {
    if (limit_ == 0) return;
    // Moves the window to the front now and then: constant time per token on average.
    if (tokens_.size() >= 2 * limit_ + 64)
      tokens_.erase(tokens_.begin(), tokens_.end() - static_cast<std::ptrdiff_t>(limit_));
    tokens_.push_back(token);
  }
  /// Oldest first.
  std::span<const TokenId> tokens() const {
    const std::size_t size = std::min(limit_, tokens_.size());
    return {tokens_.data() + (tokens_.size() - size), size};
  }
  std::size_t limit() const { return limit_; }

 private:
  std::size_t limit_;
  std::vector<TokenId> tokens_;
};

}  // namespace llm::sampling
