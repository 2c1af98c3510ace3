// Granite (arXiv:2405.04324 and later), dense and with experts, and MiniCPM (arXiv:2404.06395): a
// llama with scales on embeddings, sub-layers, attention scores and logits.
#include <cmath>

#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

namespace {

struct Scales {
  float embedding, residual, logits;  // logits are divided by theirs
};

std::unique_ptr<Model> make(ModelReader& r, const Scales& scales) {
  const Hyper& h = r.hyper();
  if (scales.logits == 0)
    fail("key '{}' is 0; logits are divided by it", r.full_key("logit_scale"));
  DecoderPlan plan{.eps = r.rms_eps(),
                   .attention = {.scale = r.number_or("attention.scale", 0)},
                   .rope = read_rope(r, compute::Rope::Pairing::adjacent),
                   .embedding_scale = scales.embedding,
                   .residual_scale = scales.residual,
                   .logit_scale = 1 / scales.logits};
  if (h.experts > 0) {
    plan.moe =
        MoePlan{.inner = h.ffn.front(),
                .shared_inner = r.count_or("expert_shared_feed_forward_length", 0, 0, 1 << 24)};
  }
  if (!r.flag_or("rope.scaling.finetuned", true)) {
    plan.no_rope.assign(static_cast<std::size_t>(h.layers), true);
  }
  return std::make_unique<Decoder>(r, plan);
}

float one_for_zero(float scale) {
  return scale == 0 ? 1 : scale;
}

}  // namespace

std::unique_ptr<Model> make_granite(ModelReader& r) {
  return make(r, {.embedding = one_for_zero(r.number_or("embedding_scale", 1)),
                  .residual = one_for_zero(r.number_or("residual_scale", 1)),
                  .logits = r.number("logit_scale")});
}

std::unique_ptr<Model> make_minicpm(ModelReader& r) {
  const Hyper& h = r.hyper();
  const float depth = std::sqrt(static_cast<float>(h.layers));
  return make(r, {.embedding = r.number_or("embedding_scale", 12),
                  .residual = r.number_or("residual_scale", 1.4f / depth),
                  .logits = r.number_or("logit_scale", static_cast<float>(h.width) / 256)});
}

}  // namespace llm
