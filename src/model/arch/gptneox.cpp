// GPT-NeoX and Pythia (arXiv:2204.06745): layer norms, biases, a plain gelu feed-forward, the two
// sub-layers usually in parallel, each with its own norm. Falcon (arXiv:2311.16867): likewise, with
// one norm for both or a second one for attention.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using Residual = DecoderPlan::Residual;

namespace {

DecoderPlan plan_of(ModelReader& r) {
  return {.norm = Norm::Kind::layer,
          .eps = r.norm_eps(),
          .ffn = {.form = FeedForwardPlan::Form::plain, .activation = compute::Activation::gelu},
          .rope = read_rope(r, compute::Rope::Pairing::halves)};
}

}  // namespace

std::unique_ptr<Model> make_gptneox(ModelReader& r) {
  DecoderPlan plan = plan_of(r);
  if (r.flag("use_parallel_residual")) {
    plan.residual = Residual::parallel;
    plan.parallel_ffn_norm = true;
  }
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_falcon(ModelReader& r) {
  DecoderPlan plan = plan_of(r);
  plan.residual = Residual::parallel;
  if (r.has_tensor("blk.0.attn_norm_2.weight")) {
    plan.parallel_ffn_norm = true;
    plan.attention_norm = "attn_norm_2";
    plan.ffn_norm = "attn_norm";
  }
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
