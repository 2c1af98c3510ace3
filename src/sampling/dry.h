// DRY ("don't repeat yourself"): penalises tokens that would continue a repetition of what the
// sequence's end already said, exponentially in the length of the repetition.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/token.h"
#include "sampling/candidates.h"
#include "sampling/window.h"

namespace llm::sampling {

class Dry {
 public:
  struct Params {
    float multiplier, base;
    int allowed_length, last_n;
    std::vector<std::vector<TokenId>> breakers;
    bool active() const { return multiplier != 0 && base >= 1 && last_n > 0; }
  };
  explicit Dry(Params params);

  void observe(TokenId token) { window_.push(token); }
  void apply(Candidates& candidates);

 private:
  bool is_single_token_breaker(TokenId token) const;
  /// Tokens at the end of `window` behind the last sequence breaker.
  std::size_t usable_length(std::span<const TokenId> window) const;
  /// Fills repeats_ with (token that would go on, length repeated so far), longest per token.
  void find_repeats(std::span<const TokenId> window, std::size_t usable);
  float penalty(int length) const;

  Params params_;  // breakers sorted by first token, shorter ones first
  int max_exponent_ = 0;
  TokenWindow window_;
  std::vector<int> suffix_;  // scratch
  std::vector<std::pair<TokenId, int>> repeats_;
};

}  // namespace llm::sampling
