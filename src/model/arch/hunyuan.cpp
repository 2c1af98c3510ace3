// Hunyuan (arXiv:2411.02265), dense and with experts: a llama whose query and key heads are normed
// after rope.
#include <cmath>

#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using QkNorm = AttentionPlan::QkNorm;

std::unique_ptr<Model> make_hunyuan_dense(ModelReader& r) {
  const float eps = r.rms_eps();
  DecoderPlan plan{.eps = eps,
                   .attention = {.qk_norm = QkNorm::per_head_after_rope, .eps = eps},
                   .rope = read_rope(r, compute::Rope::Pairing::halves)};
  // Longer contexts by a larger base ("NTK").
  if (const float alpha = r.number_or("rope.scaling.alpha", 0); alpha > 0) {
    const auto dim = static_cast<float>(r.hyper().key_dim);
    plan.rope.base *= std::pow(alpha, dim / (dim - 2));
  }
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_hunyuan_moe(ModelReader& r) {
  const float eps = r.rms_eps();
  const int inner = r.hyper().ffn.front();
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = eps,
                     .attention = {.qk_norm = QkNorm::per_head_after_rope, .eps = eps},
                     .moe = MoePlan{.inner = inner,
                                    .shared_inner = r.count_or("expert_shared_feed_forward_length",
                                                               inner, 0, 1 << 24)},
                     .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

}  // namespace llm
