// ChatGLM 3 and GLM-4 (arXiv:2406.12793): a llama with fused matrices and rope on half of each
// head; GLM-4-0414 (glm4) norms after the sub-layers too. GLM-4.5 to 4.7 (glm4moe,
// arXiv:2508.06471): experts with sigmoid routing behind a few dense layers.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

namespace {

/// Files of models that see images turn by sections.
Rope rope_of(ModelReader& r, Rope::Pairing pairing) {
  if (r.has("rope.dimension_sections")) {
    const std::vector<int> sections = r.list("rope.dimension_sections", 4);
    if (sections[0] > 0 && sections[1] > 0) return read_text_mrope(r, false);
  }
  return read_rope(r, pairing);
}

}  // namespace

std::unique_ptr<Model> make_chatglm(ModelReader& r) {
  return std::make_unique<Decoder>(r,
                                   DecoderPlan{.eps = r.rms_eps(),
                                               .ffn = {.form = FeedForwardPlan::Form::fused_gated},
                                               .rope = read_rope(r, Rope::Pairing::adjacent)});
}

std::unique_ptr<Model> make_glm4(ModelReader& r) {
  return std::make_unique<Decoder>(r,
                                   DecoderPlan{.residual = DecoderPlan::Residual::sandwich,
                                               .eps = r.rms_eps(),
                                               .ffn = {.form = FeedForwardPlan::Form::fused_gated},
                                               .rope = rope_of(r, Rope::Pairing::adjacent)});
}

std::unique_ptr<Model> make_glm4moe(ModelReader& r) {
  const float eps = r.rms_eps();
  const int inner = r.count("expert_feed_forward_length", 1, 1 << 24);
  DecoderPlan plan{.eps = eps,
                   .ffn_norm = "post_attention_norm",
                   .moe = MoePlan{.inner = inner,
                                  .shared_inner = inner * r.count("expert_shared_count", 0, 512),
                                  .selection_bias = MoePlan::SelectionBias::required,
                                  .shape = read_routing(r, compute::MoeShape::Gating::sigmoid)},
                   .dense = leading_dense(r),
                   .rope = rope_of(r, Rope::Pairing::halves)};
  if (r.has_tensor("blk.0.attn_q_norm.weight")) {
    plan.attention = {.qk_norm = AttentionPlan::QkNorm::per_head, .eps = eps};
  }
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
