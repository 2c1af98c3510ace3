// Llama (arXiv:2302.13971, 2407.21783) and what shares its graph: Mistral, TinyLlama, SmolLM, Yi;
// with experts: Mixtral (arXiv:2401.04088). Llama 3's context extension is in the file's
// rope_freqs. As an encoder: llama-embed, and EuroBERT (arXiv:2503.05500).
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

namespace {

DecoderPlan plan_of(ModelReader& r) {
  const Hyper& h = r.hyper();
  if (h.rotated != h.key_dim) {
    fail("key '{}' is {}; in a llama it is the head size, {}", r.full_key("rope.dimension_count"),
         h.rotated, h.key_dim);
  }
  DecoderPlan plan{.eps = r.rms_eps(), .rope = read_rope(r, compute::Rope::Pairing::adjacent)};
  if (h.experts > 0) {
    plan.moe =
        MoePlan{.inner = h.ffn.front(),
                .shared_inner = r.count_or("expert_shared_feed_forward_length", 0, 0, 1 << 24),
                .shape = {.normalize_weights = true}};
  }
  return plan;
}

}  // namespace

std::unique_ptr<Model> make_llama(ModelReader& r) {
  return std::make_unique<Decoder>(r, plan_of(r));
}

std::unique_ptr<Model> make_llama_embed(ModelReader& r) {
  r.set_causal_by_default(false);
  DecoderPlan plan = plan_of(r);
  plan.has_head = false;
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_eurobert(ModelReader& r) {
  r.set_causal_by_default(false);
  return std::make_unique<Decoder>(r,
                                   DecoderPlan{.eps = r.rms_eps(),
                                               .rope = read_rope(r, compute::Rope::Pairing::halves),
                                               .has_head = false});
}

}  // namespace llm
