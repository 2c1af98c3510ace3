#include "server/request/resolve.h"

#include <limits>
#include <set>

namespace llm::server {
namespace {

void add_biases(const LogitBias& entry, const Tokenizer& tokenizer, SamplingParams& sampling) {
  if (entry.token != kNoToken) {
    if (tokenizer.is_valid(entry.token)) sampling.logit_bias.emplace_back(entry.token, entry.bias);
    return;
  }
  for (const TokenId token : tokenizer.encode(entry.text, {})) {
    sampling.logit_bias.emplace_back(token, entry.bias);
  }
}

/// What the infill sampler asks.
class Vocabulary final : public SamplerVocabulary {
 public:
  explicit Vocabulary(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  bool is_end_of_generation(TokenId token) const override {
    return tokenizer_.is_end_of_generation(token);
  }
  std::string piece(TokenId token) const override { return tokenizer_.piece(token, false); }
  TokenId end_of_text() const override {
    const SpecialTokens& special = tokenizer_.special();
    return special.eot != kNoToken ? special.eot : special.eos;
  }

 private:
  const Tokenizer& tokenizer_;
};

bool uses_dry(const SamplingParams& sampling) {
  return sampling.dry_multiplier != 0 && sampling.dry_base >= 1 && sampling.dry_penalty_last_n != 0;
}

}  // namespace

Resolver::Resolver(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), vocabulary_(std::make_shared<Vocabulary>(tokenizer)) {}

void Resolver::resolve(CompletionParams& params) const {
  SamplingParams& sampling = params.sampling;
  sampling.logit_bias.clear();
  for (const LogitBias& entry : params.logit_bias) add_biases(entry, tokenizer_, sampling);
  if (params.ignore_eos) {
    for (const TokenId token : tokenizer_.end_of_generation_tokens()) {
      sampling.logit_bias.emplace_back(token, -std::numeric_limits<float>::infinity());
    }
  }
  sampling.dry_breakers.clear();
  if (uses_dry(sampling)) sampling.dry_breakers = breakers(params.dry_sequence_breakers);
  sampling.vocabulary = vocabulary_;
}

GenerationRequest Resolver::request(const CompletionParams& params, std::vector<TokenId> prompt,
                                    int choice) const {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.sampling = params.sampling;
  if (request.sampling.seed != kRandomSeed) request.sampling.seed += static_cast<unsigned>(choice);
  // The reference yields one token for a budget of none; clients warm the cache with it.
  request.max_tokens = params.max_tokens == 0 ? 1 : params.max_tokens;
  request.stop = params.stop;
  request.ignore_eos = params.ignore_eos;
  request.cache_prompt = params.cache_prompt;
  request.wants_progress = params.stream && params.return_progress;
  request.keep_tokens = params.keep_tokens;
  request.discard_tokens = params.discard_tokens;
  request.min_line_indent = params.min_line_indent;
  request.max_predict_ms = params.max_predict_ms;
  request.slot = params.slot;
  if (!params.lora.empty()) request.adapters = params.lora;
  return request;
}

Resolver::Breakers Resolver::breakers(const std::vector<std::string>& texts) const {
  const std::lock_guard lock(breakers_mutex_);
  if (texts != breaker_texts_) {
    breakers_ = breaker_sequences(texts, tokenizer_);
    breaker_texts_ = texts;
  }
  return breakers_;
}

std::vector<std::vector<TokenId>> breaker_sequences(const std::vector<std::string>& breakers,
                                                    const Tokenizer& tokenizer) {
  std::set<std::vector<TokenId>> found;
  std::vector<std::string> pieces;
  for (TokenId token = 0; token < tokenizer.size(); ++token) {
    pieces.push_back(tokenizer.piece(token, /*show_special=*/true));
  }
  for (const std::string& text : breakers) {
    const std::string breaker = text.substr(0, kMaxBreakerBytes);
    if (breaker.empty()) continue;
    for (TokenId token = 0; token < tokenizer.size(); ++token) {
      const std::string_view piece = pieces[token];
      if (piece.find(breaker) != std::string_view::npos) {
        found.insert({token});
        continue;
      }
      // Proper beginnings of the breaker at the end of the piece.
      for (std::size_t length = std::min(piece.size(), breaker.size() - 1); length > 0; --length) {
        if (!piece.ends_with(std::string_view(breaker).substr(0, length))) continue;
        auto tail = tokenizer.encode(std::string_view(breaker).substr(length), {});
        if (tail.size() > kMaxBreakerTail) tail.resize(kMaxBreakerTail);
        tail.insert(tail.begin(), token);
        found.insert(std::move(tail));
      }
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace llm::server
