// Ministral 3, Devstral, Mistral Small 3.2 and later: a llama with YaRN whose queries grow with the
// logarithm of their position.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_mistral3(ModelReader& r) {
  const compute::Rope rope = read_detailed_rope(r, compute::Rope::Pairing::adjacent);
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(),
                     .attention = {.temperature = r.number_or("attention.temperature_scale", 0),
                                   .temperature_length = rope.original_context},
                     .rope = rope});
}

}  // namespace llm
