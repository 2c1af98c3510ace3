// Qwen, the first (arXiv:2309.16609): fused biased projections; the key of the feed-forward's width
// counts gate and up together.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_qwen(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(),
                     .ffn = {.width_divisor = 2},
                     .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

}  // namespace llm
