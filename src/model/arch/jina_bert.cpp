// Jina Embeddings. Version 2 (arXiv:2310.19923): BERT without positions, but scores fall with the
// distance; a gated feed-forward, norms of queries and keys in some sizes. Version 3
// (arXiv:2409.10173): rope and a plain feed-forward.
#include "model/arch/families.h"
#include "model/bert.h"
#include "model/rope_config.h"

namespace llm {

namespace {

using Form = FeedForwardPlan::Form;

constexpr float kMaxBias = 8;

/// Files have the gate as a matrix of its own, as the first half of ffn_up, or not at all.
Form feed_forward_form(const ModelReader& r) {
  if (r.has_tensor("blk.0.ffn_gate.weight")) return Form::gated;
  const gguf::TensorInfo* up = r.file().find_tensor("blk.0.ffn_up.weight");
  const bool twice = up != nullptr && !up->shape.empty() &&
                     up->shape.front() == 2 * std::int64_t{r.hyper().ffn.front()};
  return twice ? Form::fused_gated : Form::plain;
}

}  // namespace

std::unique_ptr<Model> make_jina_bert_v2(ModelReader& r) {
  r.set_causal_by_default(false);
  const int heads = r.hyper().heads.front(), reach = bias_reach(r);
  BertPlan plan{.ffn = {.form = feed_forward_form(r), .activation = compute::Activation::gelu}};
  plan.attention.position_bias = r.own(alibi_bias(heads, reach, kMaxBias));
  plan.attention.bias_reach = reach;
  if (r.has_tensor("blk.0.attn_q_norm.weight")) {
    plan.attention.qk_norm = AttentionPlan::QkNorm::full_width_layer;
    plan.attention.eps = r.norm_eps();
  }
  return std::make_unique<Bert>(r, plan);
}

std::unique_ptr<Model> make_jina_bert_v3(ModelReader& r) {
  r.set_causal_by_default(false);
  return std::make_unique<Bert>(
      r, BertPlan{.rope = read_rope(r, compute::Rope::Pairing::halves),
                  .ffn = {.form = Form::plain, .activation = compute::Activation::gelu}});
}

}  // namespace llm
