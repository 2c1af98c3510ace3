// The transformer that most families are: embedding, layers of attention and feed-forward on a
// residual stream, norm, head. Without the head and the causal mask it is an encoder. A family
// states its choices in a DecoderPlan.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/blocks.h"
#include "model/loaded_model.h"

namespace llm {

struct DecoderPlan {
  /// Where a layer's norms are: before each sub-layer, after it, both, or one norm before both
  /// sub-layers, which then read the same input.
  enum class Residual : std::uint8_t { pre_norm, post_norm, sandwich, parallel };
  Residual residual = Residual::pre_norm;
  Norm::Kind norm = Norm::Kind::rms;
  float eps = 0;
  bool norm_weights = true;  // false: norms only centre and scale
  std::string attention_norm = "attn_norm", ffn_norm = "ffn_norm";  // tensors of the first norms
  /// parallel: the feed-forward reads its own norm of the input, not the attention's.
  bool parallel_ffn_norm = false;

  AttentionPlan attention;
  FeedForwardPlan ffn;
  std::optional<MoePlan> moe;  // set: layers are mixtures,
  std::vector<bool> dense;     // but for these; empty: all are

  compute::Rope rope;
  /// Layers with a sliding window, and their rope; empty: none.
  std::vector<bool> windowed;
  int window = 0;
  compute::Rope window_rope;
  /// Layers without any position encoding; empty: none.
  std::vector<bool> no_rope;

  float embedding_scale = 1;
  float residual_scale = 1;
  float logit_scale = 1;
  float logit_softcap = 0;
  bool tied_output = false;  // never looks for an output matrix

  // Of encoders.
  bool has_head = true;                     // false: there are no logits
  bool embedding_norm = false;              // "token_embd_norm"
  bool first_norm_optional = false;         // the first layer may have no norm before attention
  std::string output_norm = "output_norm";  // name of the last norm
};

class Decoder final : public LoadedModel {
 public:
  Decoder(ModelReader& reader, const DecoderPlan& plan);

  compute::KvLayout kv_layout(quant::Type key_type, quant::Type value_type) const override;
  void move(std::span<const compute::KvMove> moves, compute::KvPool& pool) override;

 protected:
  compute::Tensor run(Step& step) const override;
  compute::Tensor head(Step& step, compute::Tensor x) const override;

 private:
  struct Layer {
    Norm attention_norm, attention_post_norm, ffn_norm, ffn_post_norm;
    Attention attention;
    std::optional<FeedForward> ffn;
    std::optional<MixtureOfExperts> moe;
    const compute::Rope* rope = nullptr;
  };

  Layer load_layer(ModelReader& reader, int index) const;
  void run_layer(Step& step, const Layer& layer, int index, bool last, compute::Tensor& x) const;
  compute::Tensor feed_forward(Step& step, const Layer& layer, compute::Tensor n) const;

  DecoderPlan plan_;
  compute::Weight embedding_, output_;
  const float* output_bias_ = nullptr;
  Norm embedding_norm_, output_norm_;
  std::vector<Layer> layers_;
};

/// Layer i has the full view when i % period == period - 1 (or 0, dense_first); period 0: none has.
std::vector<bool> window_pattern(const ModelReader& reader, int default_period,
                                 bool dense_first = false);

/// The first "leading_dense_block_count" layers have no experts.
std::vector<bool> leading_dense(const ModelReader& reader);

}  // namespace llm
