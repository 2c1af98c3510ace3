// Qwen3 with experts (arXiv:2505.09388): the attention of Qwen3, softmax routing, the weights of
// the chosen experts made to sum to 1.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_qwen3moe(ModelReader& r) {
  const Hyper& h = r.hyper();
  if (h.experts == 0) fail("key '{}' is missing or 0", r.full_key("expert_count"));
  const float eps = r.rms_eps();
  const int split = h.ffn.front() / h.experts_used;  // files without the key cut a dense width
  return std::make_unique<Decoder>(
      r, DecoderPlan{
             .eps = eps,
             .attention = {.qk_norm = AttentionPlan::QkNorm::per_head, .eps = eps},
             .moe = MoePlan{.inner = r.count_or("expert_feed_forward_length", split, 1, 1 << 24),
                            .shape = {.normalize_weights = true}},
             .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

}  // namespace llm
