// The encoder of T5 (arXiv:1910.10683): rms norms before the sub-layers, unscaled attention with a
// learned bias per head and distance, the distances in buckets that grow with them.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/arch/families.h"
#include "model/blocks.h"
#include "model/loaded_model.h"

namespace llm {

using compute::Tensor;

namespace {

constexpr int kMaxDistance = 128;  // from here on all distances share a bucket

/// Half of the buckets are for keys behind the query. Of each half the first half holds one
/// distance each, the others grow by equal factors up to kMaxDistance.
int bucket_of(int distance, int buckets) {
  const int half = buckets / 2, exact = half / 2;
  const int side = distance > 0 ? half : 0;
  const int far = std::abs(distance);
  if (far < exact) return side + far;
  const float steps = std::log(static_cast<float>(far) / static_cast<float>(exact)) /
                      std::log(static_cast<float>(kMaxDistance) / static_cast<float>(exact)) *
                      static_cast<float>(half - exact);
  return side + std::min(half - 1, exact + static_cast<int>(steps));
}

/// table [heads][buckets], as the file has it: heads vary fastest -> [heads, 2 * reach].
std::vector<float> spread_buckets(const float* table, int heads, int buckets, int reach) {
  std::vector<float> bias;
  bias.reserve(static_cast<std::size_t>(heads) * 2 * static_cast<std::size_t>(reach));
  for (int h = 0; h < heads; ++h) {
    for (int d = -reach; d < reach; ++d) bias.push_back(table[bucket_of(d, buckets) * heads + h]);
  }
  return bias;
}

class T5Encoder final : public LoadedModel {
 public:
  explicit T5Encoder(ModelReader& r);

  compute::KvLayout kv_layout(quant::Type key_type, quant::Type value_type) const override {
    compute::KvLayout layout{.layers = {}, .key_type = key_type, .value_type = value_type};
    for (const Layer& layer : layers_) layout.layers.push_back(layer.attention.cache());
    if (!info_.is_causal) share_layer(layout);
    return layout;
  }

 protected:
  Tensor run(Step& step) const override;

 private:
  struct Layer {
    Norm attention_norm, ffn_norm;
    Attention attention;
    FeedForward ffn;
  };
  /// The first layer's table serves the layers that have none.
  const float* load_bias(ModelReader& r, int layer, int reach) const;

  compute::Weight embedding_;
  Norm output_norm_;
  std::vector<Layer> layers_;
};

Norm load_norm(ModelReader& r, const std::string& name) {
  return {.kind = Norm::Kind::rms,
          .eps = r.rms_eps(),
          .weight = r.vector(name + ".weight", r.hyper().width)};
}

const float* T5Encoder::load_bias(ModelReader& r, int layer, int reach) const {
  const std::string name = fmt::format("enc.blk.{}.attn_rel_b.weight", layer);
  if (!r.has_tensor(name)) return nullptr;
  constexpr const char* kKey = "attention.relative_buckets_count";
  const int buckets = r.count(kKey, 4, 1 << 16);
  if (buckets % 4 != 0)
    fail("key '{}' is {}; it must be divisible by 4", r.full_key(kKey), buckets);
  const int heads = r.hyper().heads[static_cast<std::size_t>(layer)];
  const float* table = r.vector(name, static_cast<std::int64_t>(heads) * buckets);
  return r.own(spread_buckets(table, heads, buckets, reach));
}

T5Encoder::T5Encoder(ModelReader& r) : LoadedModel(r) {
  const Hyper& h = r.hyper();
  info_.has_logits = false;
  embedding_ = r.table("token_embd.weight", h.vocab, h.width);
  AttentionPlan attention{.scale = 1, .layer_prefix = "enc.blk.", .output = "attn_o"};
  attention.bias_reach = bias_reach(r);
  for (int i = 0; i < h.layers; ++i) {
    const std::string prefix = fmt::format("enc.blk.{}.", i);
    const bool same_heads = h.heads[static_cast<std::size_t>(i)] == h.heads.front();
    if (const float* own = load_bias(r, i, attention.bias_reach)) {
      attention.position_bias = own;
    } else if (attention.position_bias == nullptr || !same_heads) {
      fail("tensor '{}attn_rel_b.weight' is missing", prefix);
    }
    const bool gated = r.has_tensor(prefix + "ffn_gate.weight");
    const FeedForwardPlan ffn{
        .form = gated ? FeedForwardPlan::Form::gated : FeedForwardPlan::Form::plain,
        .activation = gated ? compute::Activation::gelu : compute::Activation::relu};
    layers_.push_back(
        {.attention_norm = load_norm(r, prefix + "attn_norm"),
         .ffn_norm = load_norm(r, prefix + "ffn_norm"),
         .attention = Attention(r, i, attention, /*window=*/0),
         .ffn = FeedForward(r, prefix + "ffn_", h.ffn[static_cast<std::size_t>(i)], ffn)});
  }
  output_norm_ = load_norm(r, "enc.output_norm");
  keep(r);
}

Tensor T5Encoder::run(Step& step) const {
  Tensor x = step.embed(embedding_);
  step.each_layer(layers_.size(), x, [&](std::size_t i, bool last) {
    const Layer& layer = layers_[i];
    const int cache = info_.is_causal ? static_cast<int>(i) : 0;
    const Tensor a =
        layer.attention(step, layer.attention_norm(step, x), cache, /*rope=*/nullptr, last);
    if (last) x = step.wanted(x);
    step.device().add(x, a);
    step.device().add(x, layer.ffn(step, layer.ffn_norm(step, x)));
  });
  return output_norm_(step, x);
}

}  // namespace

std::unique_ptr<Model> make_t5encoder(ModelReader& r) {
  r.set_causal_by_default(false);
  return std::make_unique<T5Encoder>(r);
}

}  // namespace llm
