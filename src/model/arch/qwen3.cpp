// Qwen3, dense (arXiv:2505.09388): every query and key head is normed before rope.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_qwen3(ModelReader& r) {
  const float eps = r.rms_eps();
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = eps,
                     .attention = {.qk_norm = AttentionPlan::QkNorm::per_head, .eps = eps},
                     .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

}  // namespace llm
