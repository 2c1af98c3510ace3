// Seed-OSS: a llama with query, key and value biases; the norm before the feed-forward goes by the
// name of a post-attention norm.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_seed_oss(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(),
                     .ffn_norm = "post_attention_norm",
                     .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

}  // namespace llm
