// Llama (arXiv:2302.13971, 2407.21783) and what shares its graph: Mistral, TinyLlama, SmolLM, Yi;
// with experts: Mixtral (arXiv:2401.04088). Llama 3's context extension is in the file's
// rope_freqs.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_llama(ModelReader& r) {
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
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
