// EXAONE 4 (arXiv:2507.11407): norms after the sub-layers, query and key heads normed; the large
// size has sliding windows, and rope only there.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_exaone4(ModelReader& r) {
  const float eps = r.rms_eps();
  DecoderPlan plan{.residual = DecoderPlan::Residual::post_norm,
                   .eps = eps,
                   .attention = {.qk_norm = AttentionPlan::QkNorm::per_head, .eps = eps},
                   .rope = read_rope(r, compute::Rope::Pairing::halves)};
  constexpr int kLayersOf32B = 64;
  if (r.hyper().layers == kLayersOf32B) {
    plan.window = r.count_or("attention.sliding_window", 4096, 1, 1 << 30);
    plan.windowed = window_pattern(r, 4);
    plan.window_rope = read_window_rope(r, plan.rope);
    for (const bool windowed : plan.windowed) plan.no_rope.push_back(!windowed);
  }
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
