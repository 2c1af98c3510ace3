// Command R and Command R7B (cohere2): attention and feed-forward in parallel after one layer norm
// without bias, logits scaled. In cohere2 three of four layers have a sliding window, and only
// those have rope.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Rope;

std::unique_ptr<Model> make_command_r(ModelReader& r) {
  constexpr int kLayersWithHeadNorms = 64;
  if (r.hyper().layers >= kLayersWithHeadNorms) {
    fail("command-r models with {} layers or more (Command R+) cannot be run",
         kLayersWithHeadNorms);
  }
  const float scale = r.number_or("logit_scale", 0);
  return std::make_unique<Decoder>(r, DecoderPlan{.residual = DecoderPlan::Residual::parallel,
                                                  .norm = Norm::Kind::layer,
                                                  .eps = r.norm_eps(),
                                                  .rope = read_rope(r, Rope::Pairing::adjacent),
                                                  .logit_scale = scale == 0 ? 1 : scale,
                                                  .tied_output = true});
}

std::unique_ptr<Model> make_cohere2(ModelReader& r) {
  DecoderPlan plan{.residual = DecoderPlan::Residual::parallel,
                   .norm = Norm::Kind::layer,
                   .eps = r.norm_eps(),
                   .rope = read_rope(r, Rope::Pairing::adjacent),
                   .windowed = window_pattern(r, 4),
                   .window = r.count("attention.sliding_window", 1, 1 << 30),
                   .logit_scale = r.number("logit_scale"),
                   .tied_output = true};
  plan.window_rope = read_window_rope(r, plan.rope);
  for (const bool windowed : plan.windowed) plan.no_rope.push_back(!windowed);
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
