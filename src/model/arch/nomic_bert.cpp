// Nomic Embed (arXiv:2402.01613): BERT with rope and a gated feed-forward; its second version
// (arXiv:2502.07972) with plain ones, every other of which is a mixture of experts.
#include "model/arch/families.h"
#include "model/bert.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

std::unique_ptr<Model> make_nomic_bert(ModelReader& r) {
  r.set_causal_by_default(false);
  return std::make_unique<Bert>(r, BertPlan{.rope = read_rope(r, Rope::Pairing::halves)});
}

std::unique_ptr<Model> make_nomic_bert_moe(ModelReader& r) {
  r.set_causal_by_default(false);
  const Hyper& h = r.hyper();
  BertPlan plan{
      .rope = read_rope(r, Rope::Pairing::halves),
      .ffn = {.form = FeedForwardPlan::Form::plain, .activation = compute::Activation::gelu}};
  const int every = r.count_or("moe_every_n_layers", 0, 0, 1 << 20);
  if (every > 0 && h.experts > 0) {
    plan.moe =
        MoePlan{.inner = h.ffn.front(),
                .shape = {.normalize_weights = false, .activation = compute::Activation::gelu}};
    for (int i = 0; i < h.layers; ++i) plan.mixtures.push_back(i % every == 1);
  }
  return std::make_unique<Bert>(r, plan);
}

}  // namespace llm
