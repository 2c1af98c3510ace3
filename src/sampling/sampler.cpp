// One sequence's sampler: the chain in the order of the request, the draw, the filter's veto.
#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "sampling/adaptive.h"
#include "sampling/candidates.h"
#include "sampling/draw.h"
#include "sampling/dry.h"
#include "sampling/infill.h"
#include "sampling/mirostat.h"
#include "sampling/penalties.h"
#include "sampling/probabilities.h"
#include "sampling/sampling.h"
#include "sampling/scalar_math.h"
#include "sampling/temperature.h"
#include "sampling/truncation.h"

namespace llm {
namespace {

using namespace sampling;

std::uint32_t chosen_seed(std::uint32_t wished) {
  return wished == kRandomSeed ? std::random_device{}() : wished;
}

bool has_effect(SamplerKind kind, const SamplingParams& p) {
  switch (kind) {
    case SamplerKind::penalties:
      return Penalties::Params{p.repeat_last_n, p.repeat_penalty, p.frequency_penalty,
                               p.presence_penalty}
          .active();
    case SamplerKind::dry:
      return p.dry_multiplier != 0 && p.dry_base >= 1 && p.dry_penalty_last_n > 0;
    case SamplerKind::top_n_sigma:
      return p.top_n_sigma > 0;
    case SamplerKind::top_k:
      return p.top_k > 0;
    case SamplerKind::typical_p:
      return p.typical_p < 1;
    case SamplerKind::top_p:
      return p.top_p < 1;
    case SamplerKind::min_p:
      return p.min_p > 0;
    case SamplerKind::xtc:
      return p.xtc_probability > 0 && p.xtc_threshold <= 0.5f;
    case SamplerKind::infill:
      return p.vocabulary != nullptr;
    case SamplerKind::temperature:
    case SamplerKind::adaptive_p:
      return true;
  }
  return false;
}

bool never_drops_the_maximum(SamplerKind kind) {
  return kind == SamplerKind::top_n_sigma || kind == SamplerKind::top_k ||
         kind == SamplerKind::top_p || kind == SamplerKind::min_p;
}

/// The samplers that change anything, in order. Mirostat replaces the list by temperature and
/// itself; adaptive-p goes to the end, because it draws.
std::vector<SamplerKind> effective_chain(const SamplingParams& params) {
  if (params.mirostat == 1 || params.mirostat == 2) return {SamplerKind::temperature};
  std::vector<SamplerKind> chain;
  for (const SamplerKind kind : params.samplers)
    if (kind != SamplerKind::adaptive_p && has_effect(kind, params)) chain.push_back(kind);
  // Greedy: whatever keeps the maximum can be left out, and the vocabulary is only looked through
  // for its maximum.
  const bool greedy = params.temperature <= 0 && params.dynatemp_range <= 0 &&
                      std::count(chain.begin(), chain.end(), SamplerKind::temperature) > 0;
  const bool only_plain = std::none_of(chain.begin(), chain.end(), [](SamplerKind kind) {
    return kind == SamplerKind::typical_p || kind == SamplerKind::xtc ||
           kind == SamplerKind::infill;
  });
  if (greedy && only_plain) std::erase_if(chain, never_drops_the_maximum);
  return chain;
}

}  // namespace

struct Sampler::State {
  State(SamplingParams p, std::unique_ptr<TokenFilter> f);

  void observe(TokenId token);
  void apply_bias();
  void apply(SamplerKind kind);
  TokenId draw_once(std::span<float> logits);
  void choose(std::span<float> logits, Sampled& sampled);
  void show_candidates(Sampled& sampled);
  void commit(TokenId token);
  void remember(TokenId token);

  SamplingParams params;
  std::unique_ptr<TokenFilter> filter;
  std::vector<SamplerKind> chain;
  std::uint32_t seed;
  // Each random sampler has its own generator from the same seed, as in the reference.
  Generator draw_generator, xtc_generator;
  std::optional<Penalties> penalties;
  std::optional<Dry> dry;
  std::optional<Mirostat> mirostat;
  std::optional<AdaptiveP> adaptive;
  Candidates candidates;
};

Sampler::State::State(SamplingParams p, std::unique_ptr<TokenFilter> f)
    : params(std::move(p)),
      filter(std::move(f)),
      chain(effective_chain(params)),
      seed(chosen_seed(params.seed)),
      draw_generator(seed),
      xtc_generator(seed) {
  const auto uses = [&](SamplerKind kind) {
    return std::count(chain.begin(), chain.end(), kind) > 0;
  };
  if (uses(SamplerKind::penalties))
    penalties.emplace(Penalties::Params{params.repeat_last_n, params.repeat_penalty,
                                        params.frequency_penalty, params.presence_penalty});
  if (uses(SamplerKind::dry))
    dry.emplace(Dry::Params{params.dry_multiplier, params.dry_base, params.dry_allowed_length,
                            params.dry_penalty_last_n, std::move(params.dry_breakers)});
  if (params.mirostat == 1 || params.mirostat == 2)
    mirostat.emplace(Mirostat::Params{params.mirostat, params.mirostat_tau, params.mirostat_eta});
  else if (std::count(params.samplers.begin(), params.samplers.end(), SamplerKind::adaptive_p) > 0)
    adaptive.emplace(AdaptiveP::Params{params.adaptive_target, params.adaptive_decay});
}

void Sampler::State::observe(TokenId token) {
  if (penalties) penalties->observe(token);
  if (dry) dry->observe(token);
}

void Sampler::State::apply_bias() {
  const auto logits = candidates.logits();
  for (const auto& [token, bias] : params.logit_bias)
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
      candidates.edit(token, logits[token] + bias);
}

void Sampler::State::apply(SamplerKind kind) {
  const auto min_keep = static_cast<std::size_t>(std::max(0, params.min_keep));
  switch (kind) {
    case SamplerKind::penalties:
      return penalties->apply(candidates);
    case SamplerKind::dry:
      return dry->apply(candidates);
    case SamplerKind::top_n_sigma:
      return top_n_sigma(candidates, params.top_n_sigma);
    case SamplerKind::top_k:
      return top_k(candidates, params.top_k);
    case SamplerKind::typical_p:
      return typical_p(candidates, params.typical_p, min_keep);
    case SamplerKind::top_p:
      return top_p(candidates, params.top_p, min_keep);
    case SamplerKind::min_p:
      return min_p(candidates, params.min_p, min_keep);
    case SamplerKind::xtc:
      if (candidates.count() >= 2 &&
          static_cast<float>(xtc_generator()) / 4294967296.0f <= params.xtc_probability)
        exclude_top_choices(candidates, params.xtc_threshold, min_keep);
      return;
    case SamplerKind::temperature:
      if (!mirostat && params.dynatemp_range > 0)
        return dynamic_temperature(
            candidates, {params.temperature, params.dynatemp_range, params.dynatemp_exponent});
      return temperature(candidates, params.temperature);
    case SamplerKind::infill:
      return infill(candidates, *params.vocabulary);
    case SamplerKind::adaptive_p:
      return;
  }
}

/// The whole chain and the draw. The logits keep the edits until candidates.restore().
TokenId Sampler::State::draw_once(std::span<float> logits) {
  candidates.begin(logits);
  apply_bias();
  for (const SamplerKind kind : chain) apply(kind);
  if (mirostat) return mirostat->draw(candidates, draw_generator);
  if (adaptive) return adaptive->draw(candidates, draw_generator);
  return draw(candidates, draw_generator);
}

void Sampler::State::choose(std::span<float> logits, Sampled& sampled) {
  sampled.token = draw_once(logits);
  if (filter && (candidates.exhausted() || !filter->allows(sampled.token))) {
    // Masking costs a pass over the grammar per token, so it is done only after a refusal. Drawing
    // anew from the masked logits gives the masked distribution, not the rejected one.
    candidates.restore();
    filter->mask(logits);
    sampled.token = draw_once(logits);
    if (candidates.exhausted()) sampled.token = kNoToken;
  }
  if (params.n_probs > 0 && params.post_sampling_probs) show_candidates(sampled);
  candidates.restore();
}

/// Probabilities after the chain, those of 0 left out.
void Sampler::State::show_candidates(Sampled& sampled) {
  const double log_normalizer =
      top_log_probabilities(candidates, static_cast<std::size_t>(params.n_probs), sampled.top);
  std::erase_if(sampled.top,
                [](const TokenProbability& t) { return exp_f32(t.log_probability) == 0; });
  sampled.log_probability =
      shown_log_probability(candidates.logit_of(sampled.token) - log_normalizer);
}

void Sampler::State::commit(TokenId token) {
  if (token == kNoToken) return;
  if (mirostat) mirostat->commit();
  if (adaptive) adaptive->commit();
  remember(token);
}

void Sampler::State::remember(TokenId token) {
  observe(token);
  if (filter) filter->accept(token);
}

Sampler::Sampler(SamplingParams params, std::unique_ptr<TokenFilter> filter)
    : state_(std::make_unique<State>(std::move(params), std::move(filter))) {}
Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;

void Sampler::observe_prompt(std::span<const TokenId> tokens) {
  if (!state_->penalties && !state_->dry) return;
  const auto window = static_cast<std::size_t>(
      std::max({0, state_->params.repeat_last_n, state_->params.dry_penalty_last_n}));
  if (tokens.size() > window) tokens = tokens.last(window);
  for (const TokenId token : tokens) state_->observe(token);
}

Sampled Sampler::sample(std::span<float> logits) {
  Sampled sampled;
  if (logits.empty()) return sampled;
  const bool of_raw_logits = state_->params.n_probs > 0 && !state_->params.post_sampling_probs;
  double log_normalizer = 0;
  if (of_raw_logits) {
    state_->candidates.begin(logits);
    log_normalizer = top_log_probabilities(
        state_->candidates, static_cast<std::size_t>(state_->params.n_probs), sampled.top);
  }
  state_->choose(logits, sampled);
  if (sampled.token == kNoToken) return sampled;
  // The mask never touches a token that it allows: its logit is still the model's.
  if (of_raw_logits)
    sampled.log_probability = shown_log_probability(logits[sampled.token] - log_normalizer);
  state_->commit(sampled.token);
  return sampled;
}

std::vector<TokenId> Sampler::forced() const {
  if (!state_->filter || state_->params.n_probs > 0) return {};
  return state_->filter->forced();
}

void Sampler::take(TokenId token) {
  state_->remember(token);
}

std::uint32_t Sampler::seed() const {
  return state_->seed;
}

}  // namespace llm
