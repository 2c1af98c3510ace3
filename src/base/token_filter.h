// What may forbid tokens in sampling: a grammar, a reasoning budget.
#pragma once

#include <span>
#include <vector>

#include "base/token.h"

namespace llm {

/// State of one sequence; used by one thread at a time. The sampler asks allows() for its choice
/// first and calls mask() only when that is refused.
class TokenFilter {
 public:
  virtual ~TokenFilter() = default;
  virtual bool allows(TokenId token) = 0;
  /// Sets forbidden logits to -inf over the whole vocabulary.
  virtual void mask(std::span<float> logits) = 0;
  virtual void accept(TokenId token) = 0;
  /// The tokens that must come next, as far as there is no choice: they need not be sampled.
  virtual std::vector<TokenId> forced() { return {}; }
};

}  // namespace llm
