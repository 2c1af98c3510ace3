// DeepSeek MoE (arXiv:2401.06066): a llama with many small experts, some of them visited by every
// token, behind a few dense layers. MiniMax M2: sigmoid routing with a bias, queries and keys
// normed over their whole width.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

std::unique_ptr<Model> make_deepseek(ModelReader& r) {
  const int inner = r.count("expert_feed_forward_length", 1, 1 << 24);
  return std::make_unique<Decoder>(
      r, DecoderPlan{
             .eps = r.rms_eps(),
             .moe = MoePlan{.inner = inner,
                            .shared_inner = inner * r.count("expert_shared_count", 0, 512),
                            .shape = {.normalize_weights = false,
                                      .weights_scale = r.number_or("expert_weights_scale", 0)}},
             .dense = leading_dense(r),
             .rope = read_rope(r, Rope::Pairing::adjacent)});
}

std::unique_ptr<Model> make_minimax_m2(ModelReader& r) {
  const float eps = r.rms_eps();
  compute::MoeShape shape = read_routing(r, compute::MoeShape::Gating::softmax);
  shape.normalize_weights = true;
  shape.weights_scale = 0;
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = eps,
                     .attention = {.qk_norm = AttentionPlan::QkNorm::full_width, .eps = eps},
                     .moe = MoePlan{.inner = r.hyper().ffn.front(),
                                    .selection_bias = MoePlan::SelectionBias::required,
                                    .shape = shape},
                     .rope = read_rope(r, Rope::Pairing::halves)});
}

}  // namespace llm
