// StarCoder 2 (arXiv:2402.19173): layer norms, biases, a plain gelu feed-forward.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_starcoder2(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{
             .norm = Norm::Kind::layer,
             .eps = r.norm_eps(),
             .ffn = {.form = FeedForwardPlan::Form::plain, .activation = compute::Activation::gelu},
             .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

}  // namespace llm
