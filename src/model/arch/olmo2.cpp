// OLMo 2 and 3 (arXiv:2501.00656): norms after the sub-layers, queries and keys normed over their
// whole width; OLMo 3 adds sliding windows, whose layers keep the plain rope. OLMoE
// (arXiv:2409.02060): the same query and key norms in a llama with experts.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;
using QkNorm = AttentionPlan::QkNorm;

std::unique_ptr<Model> make_olmo2(ModelReader& r) {
  const float eps = r.rms_eps();
  DecoderPlan plan{.residual = DecoderPlan::Residual::post_norm,
                   .eps = eps,
                   .attention = {.qk_norm = QkNorm::full_width, .eps = eps},
                   .rope = read_rope(r, Rope::Pairing::halves),
                   .window = r.count_or("attention.sliding_window", 0, 0, 1 << 30)};
  if (plan.window > 0) {
    plan.windowed = window_pattern(r, 4);
    plan.window_rope = unscaled(plan.rope);
  }
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_olmoe(ModelReader& r) {
  const float eps = r.rms_eps();
  return std::make_unique<Decoder>(
      r, DecoderPlan{
             .eps = eps,
             .attention = {.qk_norm = QkNorm::full_width, .eps = eps},
             .moe = MoePlan{.inner = r.hyper().ffn.front(), .shape = {.normalize_weights = false}},
             .rope = read_rope(r, Rope::Pairing::halves)});
}

}  // namespace llm
