// gpt-oss (arXiv:2508.10925): experts with clamped gates and biases everywhere, every other layer
// with a sliding window, a learned sink per head.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_gpt_oss(ModelReader& r) {
  const compute::Rope rope = read_rope(r, compute::Rope::Pairing::halves);
  return std::make_unique<Decoder>(
      r,
      DecoderPlan{.eps = r.rms_eps(),
                  .ffn_norm = "post_attention_norm",
                  .attention = {.sinks = true},
                  .moe = MoePlan{.inner = r.count("expert_feed_forward_length", 1, 1 << 24),
                                 .shape = {.gating = compute::MoeShape::Gating::softmax_after_top_k,
                                           .normalize_weights = false,
                                           .activation = compute::Activation::swiglu_oai}},
                  .rope = rope,
                  .windowed = window_pattern(r, 2),
                  .window = r.count("attention.sliding_window", 1, 1 << 30),
                  .window_rope = read_window_rope(r, rope)});
}

}  // namespace llm
