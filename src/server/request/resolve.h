// The step between a parsed request and the engine: what needs the vocabulary.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "server/request/params.h"

namespace llm::server {

/// Turns parsed parameters into engine requests. Safe to use from every thread.
class Resolver {
 public:
  explicit Resolver(const Tokenizer& tokenizer);

  /// Fills params.sampling.logit_bias and dry_breakers from the texts.
  void resolve(CompletionParams& params) const;

  /// Choice number `choice` of `params` (already resolved) for one prompt, without filter.
  GenerationRequest request(const CompletionParams& params, std::vector<TokenId> prompt,
                            int choice) const;

 private:
  using Breakers = std::vector<std::vector<TokenId>>;
  /// Finding them walks the vocabulary, so the last list is kept: nearly all requests use one.
  Breakers breakers(const std::vector<std::string>& texts) const;

  const Tokenizer& tokenizer_;
  std::shared_ptr<const SamplerVocabulary> vocabulary_;
  mutable std::mutex breakers_mutex_;
  mutable std::vector<std::string> breaker_texts_;
  mutable Breakers breakers_;
};

/// Token sequences that end a DRY match: every token that contains `breaker`, and every token that
/// ends in a beginning of it, followed by the tokens of the rest (at most kMaxBreakerTail).
inline constexpr std::size_t kMaxBreakerBytes = 40, kMaxBreakerTail = 20;
std::vector<std::vector<TokenId>> breaker_sequences(const std::vector<std::string>& breakers,
                                                    const Tokenizer& tokenizer);

}  // namespace llm::server
