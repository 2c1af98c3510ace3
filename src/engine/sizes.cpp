#include "engine/sizes.h"

#include <unistd.h>

#include <algorithm>

#include "base/log.h"

namespace llm {
namespace {

using compute::kPageTokens;

// Sixteen streams share one reading of the weights; on a CPU more of them gain little.
constexpr int kAutomaticSlots = 16;
// -c is rounded up to a multiple of this, as the reference does.
constexpr int kContextStep = 256;

int round_up(int value, int step) {
  return (value + step - 1) / step * step;
}

/// The model's own context, or what half of the machine's memory can hold of it.
int automatic_context(const Model& model, const EngineSettings& settings) {
  const auto layout = model.kv_layout(settings.key_type, settings.value_type);
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  const double fits = memory / 2 / layout.page_bytes() * kPageTokens;
  const int train = model.info().context_train;
  if (fits >= train) return train;
  log::warn(
      "a cache for the model's context of {} tokens needs more than half of the memory; "
      "using {} tokens (set it with -c)",
      train, static_cast<int>(fits) / kContextStep * kContextStep);
  return static_cast<int>(fits) / kContextStep * kContextStep;
}

int total_context(const Model& model, const EngineSettings& settings) {
  const int tokens = settings.context > 0 ? settings.context : automatic_context(model, settings);
  return std::max(kContextStep, round_up(tokens, kContextStep));
}

/// An encoder's pages hold one step. Many short inputs take one each; with the usual micro-batch
/// they fill a step when they are 8 tokens long.
int count_encoder_pages(const EngineSettings& settings) {
  constexpr int kShortInput = 8;
  const int tokens = tokens_per_step(settings);
  return tokens / kShortInput + tokens / kPageTokens + 2;
}

}  // namespace

int count_slots(const EngineSettings& settings) {
  return settings.slots > 0 ? settings.slots : kAutomaticSlots;
}

int context_per_slot(const Model& model, const EngineSettings& settings) {
  const int total = total_context(model, settings);
  const bool shared = settings.unified_cache || settings.slots <= 0;
  const int slot = shared ? total : round_up(total / count_slots(settings), kContextStep);
  return std::min(slot, std::max(model.info().context_train, 1));
}

int tokens_per_step(const EngineSettings& settings) {
  return std::min(settings.batch, settings.micro_batch);
}

int count_pages(const Model& model, const EngineSettings& settings) {
  if (!model.info().is_causal) return count_encoder_pages(settings);
  const bool shared = settings.unified_cache || settings.slots <= 0;
  const int tokens = shared ? total_context(model, settings)
                            : context_per_slot(model, settings) * count_slots(settings);
  return tokens / kPageTokens + 2 * count_slots(settings);
}

}  // namespace llm
