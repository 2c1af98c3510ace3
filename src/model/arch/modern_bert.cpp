// ModernBERT (arXiv:2412.13663): norms before the sub-layers and behind the embedding, rope, gated
// feed-forward, windows that reach both ways in two layers of three. NeoBERT (arXiv:2502.19587):
// rms norms, no windows.
#include <array>
#include <string_view>

#include "model/arch/families.h"
#include "model/decoder.h"
#include "model/rope_config.h"

namespace llm {

using compute::Activation;
using compute::Rope;

namespace {

Activation activation_of(const ModelReader& r) {
  constexpr const char* kKey = "hidden_activation";
  struct Name {
    std::string_view name;
    Activation activation;
  };
  constexpr std::array kNames = {
      Name{"gelu", Activation::gelu},   Name{"geglu", Activation::gelu},
      Name{"silu", Activation::silu},   Name{"swish", Activation::silu},
      Name{"swiglu", Activation::silu}, Name{"relu", Activation::relu},
      Name{"reglu", Activation::relu},
  };
  const std::string wanted = r.string_or(kKey, "gelu");
  for (const Name& one : kNames) {
    if (one.name == wanted) return one.activation;
  }
  fail("key '{}' is '{}'; it can be gelu, silu or relu", r.full_key(kKey), wanted);
}

}  // namespace

std::unique_ptr<Model> make_modern_bert(ModelReader& r) {
  r.set_causal_by_default(false);
  DecoderPlan plan{
      .norm = Norm::Kind::layer,
      .eps = r.norm_eps(),
      .ffn = {.form = FeedForwardPlan::Form::fused_gated, .activation = activation_of(r)},
      .rope = read_rope(r, Rope::Pairing::halves),
      .window = r.count_or("attention.sliding_window", 0, 0, 1 << 28),
      .has_head = false,
      .embedding_norm = true,
      .first_norm_optional = true};
  if (plan.window > 0) {
    plan.windowed = window_pattern(r, 3, /*dense_first=*/true);
    plan.window_rope = read_window_rope(r, Rope::Pairing::halves, 10000);
  }
  return std::make_unique<Decoder>(r, plan);
}

std::unique_ptr<Model> make_neo_bert(ModelReader& r) {
  r.set_causal_by_default(false);
  return std::make_unique<Decoder>(r,
                                   DecoderPlan{.eps = r.rms_eps(),
                                               .ffn = {.form = FeedForwardPlan::Form::fused_gated},
                                               .rope = read_rope(r, Rope::Pairing::adjacent),
                                               .has_head = false,
                                               .output_norm = "enc.output_norm"});
}

}  // namespace llm
