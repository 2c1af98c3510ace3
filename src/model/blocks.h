// The building blocks of a transformer layer: weights, how they are loaded, how they are applied.
#pragma once

#include <string>

#include "model/reader.h"
#include "model/step.h"

namespace llm {

/// Root-mean-square norm, or layer norm. Absent (no-op) when `kind` is none.
struct Norm {
  enum class Kind : std::uint8_t { none, rms, layer };
  Kind kind = Kind::none;
  float eps = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;

  explicit operator bool() const { return kind != Kind::none; }
  compute::Tensor operator()(Step& step, compute::Tensor x) const;
};

struct AttentionPlan {
  enum class QkNorm : std::uint8_t {
    none,
    per_head,             // weights [head_dim], before rope
    per_head_after_rope,  // weights [head_dim]
    full_width,           // weights [heads * head_dim], before rope
    full_width_layer      // the same as layer norms, with biases
  };
  QkNorm qk_norm = QkNorm::none;
  float eps = 0;       // of the query and key norms
  float scale = 0;     // of q . k; 0: 1 / sqrt(head_dim)
  float softcap = 0;   // 0: none
  bool sinks = false;  // a learned logit per head that joins the softmax
  /// Queries at position p are multiplied by 1 + temperature * ln(floor(p / length) + 1).
  float temperature = 0;
  int temperature_length = 1;
  /// [heads, 2 * bias_reach] or null, see compute::AttentionShape.
  const float* position_bias = nullptr;
  int bias_reach = 0;
  const char* layer_prefix = "blk.";  // of tensor names, in front of the layer's number
  const char* output = "attn_output";
};

class Attention {
 public:
  /// window: positions that a query sees; 0: all.
  Attention(ModelReader& reader, int layer, const AttentionPlan& plan, int window);

  /// n [tokens, width] -> [tokens, width]; in the last layer only the wanted rows. rope may be
  /// null.
  compute::Tensor operator()(Step& step, compute::Tensor n, int layer, const compute::Rope* rope,
                             bool last) const;

  compute::KvLayout::Layer cache() const {
    return {shape_.kv_heads, shape_.head_dim, shape_.value_dim};
  }

 private:
  void load_projections(ModelReader& reader, const std::string& prefix);
  void temper(Step& step, compute::Tensor q) const;
  void normalize(Step& step, compute::Tensor q, compute::Tensor k) const;

  AttentionPlan plan_;
  compute::AttentionShape shape_{};
  compute::Weight q_, k_, v_, out_;
  const float *q_bias_ = nullptr, *k_bias_ = nullptr, *v_bias_ = nullptr, *out_bias_ = nullptr;
  const float *q_norm_ = nullptr, *k_norm_ = nullptr;
  const float *q_norm_bias_ = nullptr, *k_norm_bias_ = nullptr;
};

/// For models that keep nothing between steps: every layer writes over the one before, so the cache
/// needs one. Throws Error when the layers differ.
void share_layer(compute::KvLayout& layout);

/// -slope * distance for every head and distance below `reach`; slopes as in arXiv:2108.12409 with
/// the given largest exponent. [heads, 2 * reach].
std::vector<float> alibi_bias(int heads, int reach, float max_bias);

/// A multiple of the page size above every position that a model is run with.
int bias_reach(const ModelReader& reader);

/// Choices of a feed-forward without experts.
struct FeedForwardPlan {
  enum class Form : std::uint8_t {
    gated,        // ffn_gate, ffn_up, ffn_down
    fused_gated,  // ffn_up holds the gate's rows, then its own
    plain         // ffn_up, ffn_down
  };
  Form form = Form::gated;
  compute::Activation activation = compute::Activation::silu;
  int width_divisor = 1;  // of the width that the file says
};

class FeedForward {
 public:
  FeedForward(ModelReader& reader, int layer, const FeedForwardPlan& plan);
  /// Tensors "<prefix>gate" and so on, of the given inner width.
  FeedForward(ModelReader& reader, const std::string& prefix, int inner,
              const FeedForwardPlan& plan)
      : FeedForward(reader, prefix, "", inner, plan) {}
  compute::Tensor operator()(Step& step, compute::Tensor n) const;

 protected:
  /// Tensors "<prefix>gate<suffix>" and so on, of the given inner width.
  FeedForward(ModelReader& reader, const std::string& prefix, const std::string& suffix, int inner,
              const FeedForwardPlan& plan);
  friend class MixtureOfExperts;

 private:
  compute::Weight gate_, up_, down_;
  const float *gate_bias_ = nullptr, *up_bias_ = nullptr, *down_bias_ = nullptr;
  compute::Activation activation_;
};

struct MoePlan {
  int inner = 0;         // width of one expert
  int shared_inner = 0;  // width of the expert that every token visits; 0: there is none
  enum class SelectionBias : std::uint8_t { none, optional, required };
  SelectionBias selection_bias = SelectionBias::none;
  compute::MoeShape shape;
};

/// Reads "expert_gating_func" (absent: `otherwise`), "expert_weights_norm", "expert_weights_scale"
/// and the group keys.
compute::MoeShape read_routing(const ModelReader& reader, compute::MoeShape::Gating otherwise);

class MixtureOfExperts {
 public:
  MixtureOfExperts(ModelReader& reader, int layer, const MoePlan& plan);
  compute::Tensor operator()(Step& step, compute::Tensor n) const;

 private:
  compute::MoeShape shape_;
  compute::Weight router_, gate_, up_, down_;
  const float *selection_bias_ = nullptr, *router_bias_ = nullptr;
  const float *gate_bias_ = nullptr, *up_bias_ = nullptr, *down_bias_ = nullptr;
  std::vector<FeedForward> shared_;  // none or one
};

}  // namespace llm
