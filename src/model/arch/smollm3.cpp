// SmolLM3: a llama without position encoding on every fourth layer (arXiv:2501.18795).
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_smollm3(ModelReader& r) {
  DecoderPlan plan{.eps = r.rms_eps(), .rope = read_rope(r, compute::Rope::Pairing::adjacent)};
  for (int i = 0; i < r.hyper().layers; ++i) plan.no_rope.push_back((i + 1) % 4 == 0);
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
