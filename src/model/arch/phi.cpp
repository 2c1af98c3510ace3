// Phi-2: one norm before attention and feed-forward in parallel, layer norms and biases throughout.
// Phi-3, 3.5 and 4 (arXiv:2404.14219): a llama with fused matrices; long contexts by two sets of
// rope factors.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

std::unique_ptr<Model> make_phi2(ModelReader& r) {
  return std::make_unique<Decoder>(r, DecoderPlan{.residual = DecoderPlan::Residual::parallel,
                                                  .norm = Norm::Kind::layer,
                                                  .eps = r.norm_eps(),
                                                  .ffn = {.form = FeedForwardPlan::Form::plain,
                                                          .activation = compute::Activation::gelu},
                                                  .rope = read_rope(r, Rope::Pairing::halves)});
}

std::unique_ptr<Model> make_phi3(ModelReader& r) {
  return std::make_unique<Decoder>(r,
                                   DecoderPlan{.eps = r.rms_eps(),
                                               .ffn = {.form = FeedForwardPlan::Form::fused_gated},
                                               .rope = read_rope(r, Rope::Pairing::halves)});
}

}  // namespace llm
