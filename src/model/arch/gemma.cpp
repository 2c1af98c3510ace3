// Gemma (arXiv:2403.08295): a llama with gelu gates, embeddings scaled by sqrt(width), tied output.
// Gemma 2 (arXiv:2408.00118): norms around both sub-layers, every other layer with a sliding
// window, soft caps on attention scores and logits.
#include <cmath>

#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

std::unique_ptr<Model> make_gemma(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(),
                     .ffn = {.activation = compute::Activation::gelu},
                     .rope = read_rope(r, Rope::Pairing::halves),
                     .embedding_scale = std::sqrt(static_cast<float>(r.hyper().width)),
                     .tied_output = true});
}

std::unique_ptr<Model> make_gemma2(ModelReader& r) {
  const Hyper& h = r.hyper();
  const auto width = static_cast<float>(h.width);
  DecoderPlan plan{.residual = DecoderPlan::Residual::sandwich,
                   .eps = r.rms_eps(),
                   .attention = {.softcap = r.number_or("attn_logit_softcapping", 50)},
                   .ffn = {.activation = compute::Activation::gelu},
                   .rope = read_rope(r, Rope::Pairing::halves),
                   .windowed = window_pattern(r, 2),
                   .window = r.count_or("attention.sliding_window", 4096, 1, 1 << 30),
                   .embedding_scale = std::sqrt(width),
                   .logit_softcap = r.number_or("final_logit_softcapping", 30),
                   .tied_output = true};
  constexpr int kLayersOf27B = 46;  // the one size that scales by width / heads
  if (h.layers == kLayersOf27B) {
    plan.attention.scale = 1 / std::sqrt(width / static_cast<float>(h.heads.front()));
  }
  plan.window_rope = read_window_rope(r, plan.rope);
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
