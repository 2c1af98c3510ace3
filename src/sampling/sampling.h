// Chooses the next token of one sequence from its logits: the sampler chain of the reference, in
// the reference's order, with log-probabilities before or after it.
// The room knows no models; what it needs of a vocabulary arrives as token ids, and for the infill
// sampler through SamplerVocabulary. Start at Sampler::sample (sampler.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/token.h"
#include "base/token_filter.h"

namespace llm {

enum class SamplerKind {
  penalties,
  dry,
  top_n_sigma,
  top_k,
  typical_p,
  top_p,
  min_p,
  xtc,
  temperature,
  adaptive_p,
  infill
};

/// Names as `samplers` spells them ("penalties", "dry", "top_n_sigma", "top_k", "typ_p", ...).
const char* sampler_name(SamplerKind kind);
/// Accepts the names and their aliases; throws std::out_of_range for others.
SamplerKind sampler_kind(const std::string& name);
/// The sequence of characters of --sampling-seq ("edskypmxt"); unknown characters throw.
std::vector<SamplerKind> samplers_from_chars(const std::string& chars);

inline constexpr std::uint32_t kRandomSeed = 0xFFFFFFFF;

/// What the infill sampler asks about tokens; without one it does nothing.
class SamplerVocabulary {
 public:
  virtual ~SamplerVocabulary() = default;
  virtual bool is_end_of_generation(TokenId token) const = 0;
  /// The bytes of the token inside a text; control tokens give "".
  virtual std::string piece(TokenId token) const = 0;
  /// EOT, or EOS where there is none.
  virtual TokenId end_of_text() const = 0;
};

/// Defaults are the reference's. Ranges are checked by the caller (the wire formats name fields).
struct SamplingParams {
  std::uint32_t seed = kRandomSeed;
  float temperature = 0.8f, dynatemp_range = 0.0f, dynatemp_exponent = 1.0f;
  int top_k = 40;
  float top_p = 0.95f, min_p = 0.05f, top_n_sigma = -1.0f, typical_p = 1.0f;
  float xtc_probability = 0.0f, xtc_threshold = 0.1f;
  int repeat_last_n = 64;
  float repeat_penalty = 1.0f, frequency_penalty = 0.0f, presence_penalty = 0.0f;
  float dry_multiplier = 0.0f, dry_base = 1.75f;
  int dry_allowed_length = 2, dry_penalty_last_n = 64;
  /// Token sequences that end a DRY match, made from dry_sequence_breakers by the caller.
  std::vector<std::vector<TokenId>> dry_breakers;
  int mirostat = 0;
  float mirostat_tau = 5.0f, mirostat_eta = 0.1f;
  float adaptive_target = -1.0f, adaptive_decay = 0.9f;
  int min_keep = 0;
  std::vector<std::pair<TokenId, float>> logit_bias;  // -inf forbids
  std::vector<SamplerKind> samplers = {
      SamplerKind::penalties, SamplerKind::dry,       SamplerKind::top_n_sigma,
      SamplerKind::top_k,     SamplerKind::typical_p, SamplerKind::top_p,
      SamplerKind::min_p,     SamplerKind::xtc,       SamplerKind::temperature};
  int n_probs = 0;
  bool post_sampling_probs = false;  // of the candidates left after the chain
  std::shared_ptr<const SamplerVocabulary> vocabulary;
};

struct TokenProbability {
  TokenId token;
  float log_probability;  // natural logarithm; probability 0: the lowest finite float
};

struct Sampled {
  TokenId token = kNoToken;           // kNoToken when the filter forbids every token
  float log_probability = 0;          // only when n_probs > 0
  std::vector<TokenProbability> top;  // n_probs best, best first
};

/// State of one sequence's sampling. Used by one thread at a time. Same params, seed, history and
/// logits give the same token on every machine.
class Sampler {
 public:
  explicit Sampler(SamplingParams params, std::unique_ptr<TokenFilter> filter = nullptr);
  ~Sampler();
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;

  /// The prompt's tokens count for penalties and DRY, as in the reference.
  void observe_prompt(std::span<const TokenId> tokens);
  /// Chooses and remembers. `logits` is scratch: it is overwritten. NaN and -inf are never chosen;
  /// if nothing else is there the token is 0, or kNoToken under a filter.
  Sampled sample(std::span<float> logits);
  /// Tokens that the filter leaves no choice about; to be given to take(). Nothing while
  /// probabilities are asked for, because those come from sampling.
  std::vector<TokenId> forced() const;
  /// Remembers a token that was not sampled.
  void take(TokenId token);
  /// The seed in use (drawn when the params ask for a random one).
  std::uint32_t seed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm
