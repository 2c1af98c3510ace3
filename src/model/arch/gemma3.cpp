// Gemma 3 (arXiv:2503.19786): five layers with a sliding window for one with the full view, each
// kind with its own rope; norms around both sub-layers and on every query and key head; embeddings
// scaled by sqrt(width). EmbeddingGemma (arXiv:2509.20354): the same as an encoder, whose windows
// reach both ways.
#include <cmath>

#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

namespace {

DecoderPlan plan_of(ModelReader& r) {
  const Hyper& h = r.hyper();
  const float eps = r.rms_eps();
  const auto width = static_cast<float>(h.width);
  DecoderPlan plan{.residual = DecoderPlan::Residual::sandwich,
                   .eps = eps,
                   .attention = {.qk_norm = AttentionPlan::QkNorm::per_head, .eps = eps},
                   .ffn = {.activation = compute::Activation::gelu},
                   .rope = read_rope(r, compute::Rope::Pairing::halves),
                   .window = r.count_or("attention.sliding_window", 0, 0, 1 << 30),
                   .embedding_scale = std::sqrt(width),
                   .logit_softcap = r.number_or("final_logit_softcapping", 0)};
  if (plan.window > 0) {
    plan.windowed = window_pattern(r, 6);
    plan.window_rope = read_window_rope(r, compute::Rope::Pairing::halves, 10000);
  }
  return plan;
}

}  // namespace

std::unique_ptr<Model> make_gemma3(ModelReader& r) {
  const Hyper& h = r.hyper();
  DecoderPlan plan = plan_of(r);
  constexpr int kLayersOf27B = 62;  // the one size that scales by width / heads
  if (h.layers == kLayersOf27B) {
    plan.attention.scale =
        1 / std::sqrt(static_cast<float>(h.width) / static_cast<float>(h.heads.front()));
  }
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_gemma_embedding(ModelReader& r) {
  r.set_causal_by_default(false);
  DecoderPlan plan = plan_of(r);
  plan.has_head = false;
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
