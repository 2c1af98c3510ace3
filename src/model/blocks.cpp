#include "model/blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace llm {

using compute::Linear;
using compute::Tensor;

Tensor Norm::operator()(Step& step, Tensor x) const {
  if (kind == Kind::none) return x;
  if (kind == Kind::rms) return step.rms_norm(x, weight, eps);
  Tensor out = step.device().allocate(x.rows, x.cols);
  step.device().layer_norm(x, weight, bias, eps, out);
  return out;
}

Attention::Attention(ModelReader& r, int layer, const AttentionPlan& plan, int window)
    : plan_(plan) {
  const Hyper& h = r.hyper();
  const auto i = static_cast<std::size_t>(layer);
  shape_ = {.heads = h.heads[i],
            .kv_heads = h.kv_heads[i],
            .head_dim = h.key_dim,
            .value_dim = h.value_dim,
            .scale = plan.scale != 0 ? plan.scale : 1 / std::sqrt(static_cast<float>(h.key_dim)),
            .softcap = plan.softcap,
            .window = window,
            .causal = r.is_causal(),
            .position_bias = plan.position_bias,
            .bias_reach = plan.bias_reach};
  const std::string prefix = fmt::format("{}{}.", plan.layer_prefix, layer);
  load_projections(r, prefix);
  const int out_rows = h.width, out_cols = shape_.heads * shape_.value_dim;
  out_ = r.matrix(prefix + plan.output + ".weight", out_rows, out_cols);
  out_bias_ = r.optional_vector(prefix + plan.output + ".bias", out_rows);
  if (plan.sinks) shape_.sinks = r.vector(prefix + "attn_sinks.weight", shape_.heads);
  if (plan.qk_norm != AttentionPlan::QkNorm::none) {
    using QkNorm = AttentionPlan::QkNorm;
    const bool layer_norm = plan.qk_norm == QkNorm::full_width_layer;
    const bool full = layer_norm || plan.qk_norm == QkNorm::full_width;
    if (layer_norm) {
      q_norm_bias_ = r.vector(prefix + "attn_q_norm.bias", q_.rows);
      k_norm_bias_ = r.vector(prefix + "attn_k_norm.bias", k_.rows);
    }
    q_norm_ = r.vector(prefix + "attn_q_norm.weight", full ? q_.rows : shape_.head_dim);
    k_norm_ = r.vector(prefix + "attn_k_norm.weight", full ? k_.rows : shape_.head_dim);
  }
}

void Attention::load_projections(ModelReader& r, const std::string& prefix) {
  const int width = r.hyper().width;
  const int q_rows = shape_.heads * shape_.head_dim;
  const int k_rows = shape_.kv_heads * shape_.head_dim;
  const int v_rows = shape_.kv_heads * shape_.value_dim;
  if (r.has_tensor(prefix + "attn_qkv.weight")) {
    const int rows = q_rows + k_rows + v_rows;
    const std::string name = prefix + "attn_qkv.weight";
    const compute::Weight all = r.table(name, rows, width);
    q_ = r.part(name, all, 0, q_rows);
    k_ = r.part(name, all, q_rows, k_rows);
    v_ = r.part(name, all, q_rows + k_rows, v_rows);
    if (const float* bias = r.optional_vector(prefix + "attn_qkv.bias", rows)) {
      q_bias_ = bias;
      k_bias_ = bias + q_rows;
      v_bias_ = bias + q_rows + k_rows;
    }
    return;
  }
  q_ = r.matrix(prefix + "attn_q.weight", q_rows, width);
  k_ = r.matrix(prefix + "attn_k.weight", k_rows, width);
  v_ = r.matrix(prefix + "attn_v.weight", v_rows, width);
  q_bias_ = r.optional_vector(prefix + "attn_q.bias", q_rows);
  k_bias_ = r.optional_vector(prefix + "attn_k.bias", k_rows);
  v_bias_ = r.optional_vector(prefix + "attn_v.bias", v_rows);
}

void Attention::temper(Step& step, Tensor q) const {
  std::vector<float> factors;
  for (const std::int32_t position : step.positions()) {
    const auto turns = static_cast<float>(position / plan_.temperature_length);
    factors.push_back(1 + plan_.temperature * std::log(turns + 1));
  }
  step.device().scale_rows(q, factors);
}

void Attention::normalize(Step& step, Tensor q, Tensor k) const {
  if (plan_.qk_norm == AttentionPlan::QkNorm::full_width_layer) {
    step.device().layer_norm(q, q_norm_, q_norm_bias_, plan_.eps, q);
    step.device().layer_norm(k, k_norm_, k_norm_bias_, plan_.eps, k);
    return;
  }
  const bool full = plan_.qk_norm == AttentionPlan::QkNorm::full_width;
  for (auto [x, weight] : {std::pair{q, q_norm_}, std::pair{k, k_norm_}}) {
    const Tensor rows = full ? x : x.reshaped(shape_.head_dim);
    step.device().rms_norm(rows, weight, plan_.eps, rows);
  }
}

Tensor Attention::operator()(Step& step, Tensor n, int layer, const compute::Rope* rope,
                             bool last) const {
  using QkNorm = AttentionPlan::QkNorm;
  compute::Device& device = step.device();
  const Tensor q = device.allocate(n.rows, q_.rows), k = device.allocate(n.rows, k_.rows),
               v = device.allocate(n.rows, v_.rows);
  const Linear products[] = {{&q_, q_bias_, q}, {&k_, k_bias_, k}, {&v_, v_bias_, v}};
  step.linear(n, products);
  const bool norm_after = plan_.qk_norm == QkNorm::per_head_after_rope;
  if (plan_.qk_norm != QkNorm::none && !norm_after) normalize(step, q, k);
  if (rope != nullptr) {
    device.rope(q, shape_.head_dim, step.positions(), *rope);
    device.rope(k, shape_.head_dim, step.positions(), *rope);
  }
  if (norm_after) normalize(step, q, k);
  if (plan_.temperature != 0) temper(step, q);
  device.store_kv(step.pool(), layer, k, v, step.slices());
  // Behind the last layer's cache, only tokens whose logits are wanted go on.
  const Tensor asking = last ? step.wanted(q) : q;
  Tensor heads = device.allocate(asking.rows, shape_.heads * shape_.value_dim);
  device.attention(step.pool(), layer, asking, shape_, last ? step.wanted_slices() : step.slices(),
                   heads);
  return step.linear(heads, out_, out_bias_);
}

void share_layer(compute::KvLayout& layout) {
  const compute::KvLayout::Layer first = layout.layers.front();
  for (const compute::KvLayout::Layer& layer : layout.layers) {
    if (layer.kv_heads != first.kv_heads) {
      fail("an encoder's layers must all have the same number of key/value heads");
    }
  }
  layout.layers.resize(1);
}

std::vector<float> alibi_bias(int heads, int reach, float max_bias) {
  const int whole = 1 << (std::bit_width(static_cast<unsigned>(heads)) - 1);
  std::vector<float> bias;
  bias.reserve(static_cast<std::size_t>(heads) * 2 * static_cast<std::size_t>(reach));
  for (int h = 0; h < heads; ++h) {
    const float exponent = h < whole ? -max_bias * static_cast<float>(h + 1)
                                     : -max_bias / 2 * static_cast<float>(2 * (h - whole) + 1);
    const float slope = std::exp2(exponent / static_cast<float>(whole));
    for (int d = -reach; d < reach; ++d) bias.push_back(-slope * static_cast<float>(std::abs(d)));
  }
  return bias;
}

int bias_reach(const ModelReader& r) {
  constexpr int kMost = 1 << 20;  // keeps the table below a few hundred MiB
  const int positions = std::max(r.context(), r.hyper().context_train);
  if (positions > kMost) {
    fail("a context of {} tokens is more than the {} that biases by distance are kept for",
         positions, kMost);
  }
  return (positions + compute::kPageTokens) / compute::kPageTokens * compute::kPageTokens;
}

FeedForward::FeedForward(ModelReader& r, int layer, const FeedForwardPlan& plan)
    : FeedForward(r, fmt::format("blk.{}.ffn_", layer), "",
                  r.hyper().ffn[static_cast<std::size_t>(layer)] / plan.width_divisor, plan) {}

FeedForward::FeedForward(ModelReader& r, const std::string& prefix, const std::string& suffix,
                         int inner, const FeedForwardPlan& plan)
    : activation_(plan.activation) {
  const int width = r.hyper().width;
  if (inner <= 0) fail("key '{}' is missing", r.full_key("feed_forward_length"));
  const std::string gate = prefix + "gate" + suffix, up = prefix + "up" + suffix,
                    down = prefix + "down" + suffix;
  if (plan.form == FeedForwardPlan::Form::fused_gated) {
    const compute::Weight both = r.table(up + ".weight", 2 * inner, width);
    gate_ = r.part(up + ".weight", both, 0, inner);
    up_ = r.part(up + ".weight", both, inner, inner);
    if (const float* bias = r.optional_vector(up + ".bias", 2 * inner)) {
      gate_bias_ = bias;
      up_bias_ = bias + inner;
    }
  } else {
    if (plan.form == FeedForwardPlan::Form::gated) {
      gate_ = r.matrix(gate + ".weight", inner, width);
      gate_bias_ = r.optional_vector(gate + ".bias", inner);
    }
    up_ = r.matrix(up + ".weight", inner, width);
    up_bias_ = r.optional_vector(up + ".bias", inner);
  }
  down_ = r.matrix(down + ".weight", width, inner);
  down_bias_ = r.optional_vector(down + ".bias", width);
}

Tensor FeedForward::operator()(Step& step, Tensor n) const {
  return step.gated_ffn(n, {.gate = gate_ ? &gate_ : nullptr,
                            .up = &up_,
                            .down = &down_,
                            .gate_bias = gate_bias_,
                            .up_bias = up_bias_,
                            .down_bias = down_bias_,
                            .activation = activation_});
}

compute::MoeShape read_routing(const ModelReader& r, compute::MoeShape::Gating otherwise) {
  using Gating = compute::MoeShape::Gating;
  compute::MoeShape shape{.gating = otherwise};
  constexpr const char* kGatingKey = "expert_gating_func";
  if (const int gating = r.count_or(kGatingKey, 0, 0, 100); gating != 0) {
    constexpr Gating kKnown[] = {Gating::softmax, Gating::sigmoid, Gating::softmax_after_top_k};
    if (gating > 3) {
      fail("key '{}' is {}; known are 1 (softmax), 2 (sigmoid) and 3 (softmax of the chosen)",
           r.full_key(kGatingKey), gating);
    }
    shape.gating = kKnown[gating - 1];
  }
  shape.normalize_weights = r.flag_or("expert_weights_norm", false);
  shape.weights_scale = r.number_or("expert_weights_scale", 0);
  const int experts = r.hyper().experts;
  shape.groups = r.count_or("expert_group_count", 1, 0, experts);
  shape.groups_used = r.count_or("expert_group_used_count", shape.groups, 0, shape.groups);
  if (shape.groups > 1 && (experts % shape.groups != 0 || shape.groups_used == 0)) {
    fail("{} experts in {} groups, of which {} are used, do not fit ('{}', '{}')", experts,
         shape.groups, shape.groups_used, r.full_key("expert_group_count"),
         r.full_key("expert_group_used_count"));
  }
  return shape;
}

MixtureOfExperts::MixtureOfExperts(ModelReader& r, int layer, const MoePlan& plan)
    : shape_(plan.shape) {
  const Hyper& h = r.hyper();
  const std::string prefix = fmt::format("blk.{}.", layer);
  if (plan.inner <= 0) fail("key '{}' is missing", r.full_key("expert_feed_forward_length"));
  shape_.experts = h.experts;
  shape_.used = h.experts_used;
  router_ = r.matrix(prefix + "ffn_gate_inp.weight", h.experts, h.width);
  router_bias_ = r.optional_vector(prefix + "ffn_gate_inp.bias", h.experts);
  const std::int64_t inner_biases = static_cast<std::int64_t>(h.experts) * plan.inner;
  gate_bias_ = r.optional_vector(prefix + "ffn_gate_exps.bias", inner_biases);
  up_bias_ = r.optional_vector(prefix + "ffn_up_exps.bias", inner_biases);
  down_bias_ = r.optional_vector(prefix + "ffn_down_exps.bias",
                                 static_cast<std::int64_t>(h.experts) * h.width);
  if (r.has_tensor(prefix + "ffn_gate_exps.weight")) {
    gate_ = r.experts(prefix + "ffn_gate_exps.weight", h.experts, plan.inner, h.width);
  }
  up_ = r.experts(prefix + "ffn_up_exps.weight", h.experts, plan.inner, h.width);
  down_ = r.experts(prefix + "ffn_down_exps.weight", h.experts, h.width, plan.inner);
  using SelectionBias = MoePlan::SelectionBias;
  if (const std::string name = prefix + "exp_probs_b.bias";
      plan.selection_bias == SelectionBias::required) {
    selection_bias_ = r.vector(name, h.experts);
  } else if (plan.selection_bias == SelectionBias::optional) {
    selection_bias_ = r.optional_vector(name, h.experts);
  }
  if (plan.shared_inner > 0) {
    shared_.push_back(FeedForward(r, prefix + "ffn_", "_shexp", plan.shared_inner,
                                  {.activation = plan.shape.activation}));
  }
}

Tensor MixtureOfExperts::operator()(Step& step, Tensor n) const {
  Tensor out = step.moe_ffn(n, router_, router_bias_,
                            {.gate = gate_ ? &gate_ : nullptr,
                             .up = &up_,
                             .down = &down_,
                             .selection_bias = selection_bias_,
                             .gate_bias = gate_bias_,
                             .up_bias = up_bias_,
                             .down_bias = down_bias_,
                             .shape = shape_});
  for (const FeedForward& shared : shared_) step.device().add(out, shared(step, n));
  return out;
}

}  // namespace llm
