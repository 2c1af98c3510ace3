// Qwen 2 and 2.5 (arXiv:2407.10671, 2412.15115), and distillations into them: a llama with biases
// on queries, keys and values, and rope on halves. Qwen 2 VL: the same for text, with rope by
// sections.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_qwen2(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(), .rope = read_rope(r, compute::Rope::Pairing::halves)});
}

std::unique_ptr<Model> make_qwen2vl(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(), .rope = read_text_mrope(r, false)});
}

}  // namespace llm
