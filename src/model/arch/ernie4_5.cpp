// ERNIE 4.5, dense and with experts: a llama; the experts' layers come after a few dense ones and
// choose with a bias.
#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

std::unique_ptr<Model> make_ernie4_5(ModelReader& r) {
  return std::make_unique<Decoder>(
      r, DecoderPlan{.eps = r.rms_eps(), .rope = read_rope(r, compute::Rope::Pairing::adjacent)});
}

std::unique_ptr<Model> make_ernie4_5_moe(ModelReader& r) {
  DecoderPlan plan{
      .eps = r.rms_eps(),
      .moe = MoePlan{.inner = r.count("expert_feed_forward_length", 1, 1 << 24),
                     .shared_inner = r.count_or("expert_shared_feed_forward_length", 0, 0, 1 << 24),
                     .selection_bias = MoePlan::SelectionBias::optional},
      .dense = leading_dense(r),
      .rope = read_rope(r, compute::Rope::Pairing::adjacent)};
  const int step = r.count("interleave_moe_layer_step", 1, 1 << 20);
  for (int i = 0; i < r.hyper().layers; ++i) {
    if ((i + 1) % step != 0) plan.dense[static_cast<std::size_t>(i)] = true;
  }
  return std::make_unique<Decoder>(r, plan);
}

}  // namespace llm
