// Baichuan (arXiv:2309.10305), 7B: a llama. The 13B size encodes positions by ALiBi instead of
// rope.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_baichuan(ModelReader& r) {
  constexpr int kLayersOf7B = 32;
  if (r.hyper().layers != kLayersOf7B) {
    fail("a baichuan model of {} layers cannot be run; the 7B size has {}", r.hyper().layers,
         kLayersOf7B);
  }
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(), .rope = read_rope(r, compute::Rope::Pairing::adjacent)});
}

}  // namespace llm
