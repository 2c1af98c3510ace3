#include "model/decoder.h"

namespace llm {
namespace {

using compute::Tensor;
using Residual = DecoderPlan::Residual;

bool flag(const std::vector<bool>& list, int i) {
  return !list.empty() && list[static_cast<std::size_t>(i)];
}

Norm load_norm(ModelReader& r, const DecoderPlan& plan, const std::string& name) {
  const int width = r.hyper().width;
  Norm norm{.kind = plan.norm, .eps = plan.eps};
  if (plan.norm_weights) norm.weight = r.vector(name + ".weight", width);
  if (plan.norm == Norm::Kind::layer) norm.bias = r.optional_vector(name + ".bias", width);
  return norm;
}

}  // namespace

std::vector<bool> window_pattern(const ModelReader& r, int default_period, bool dense_first) {
  const int period =
      r.count_or("attention.sliding_window_pattern", default_period, 0, r.hyper().layers + 1000);
  std::vector<bool> windowed;
  for (int i = 0; i < r.hyper().layers; ++i) {
    windowed.push_back(period == 0 || i % period != (dense_first ? 0 : period - 1));
  }
  return windowed;
}

std::vector<bool> leading_dense(const ModelReader& r) {
  const int layers = r.hyper().layers;
  const int dense = r.count_or("leading_dense_block_count", 0, 0, layers);
  std::vector<bool> list(static_cast<std::size_t>(layers));
  for (int i = 0; i < dense; ++i) list[static_cast<std::size_t>(i)] = true;
  return list;
}

Decoder::Decoder(ModelReader& r, const DecoderPlan& plan) : LoadedModel(r), plan_(plan) {
  const Hyper& h = r.hyper();
  embedding_ = r.table("token_embd.weight", h.vocab, h.width);
  for (int i = 0; i < h.layers; ++i) layers_.push_back(load_layer(r, i));
  if (plan.embedding_norm) embedding_norm_ = load_norm(r, plan, "token_embd_norm");
  output_norm_ = load_norm(r, plan, plan.output_norm);
  info_.has_logits = plan.has_head && info_.is_causal;
  if (plan.has_head) {
    const bool own = !plan.tied_output && r.has_tensor("output.weight");
    output_ = r.matrix(own ? "output.weight" : "token_embd.weight", h.vocab, h.width);
    output_bias_ = r.optional_vector("output.bias", h.vocab);
  }
  keep(r);
}

Decoder::Layer Decoder::load_layer(ModelReader& r, int i) const {
  const std::string prefix = fmt::format("blk.{}.", i);
  const bool windowed = flag(plan_.windowed, i);
  Layer layer{.attention = {r, i, plan_.attention, windowed ? plan_.window : 0}};
  const bool may_lack_norm = plan_.first_norm_optional && i == 0;
  if (plan_.residual != Residual::post_norm &&
      !(may_lack_norm && !r.has_tensor(prefix + plan_.attention_norm + ".weight"))) {
    layer.attention_norm = load_norm(r, plan_, prefix + plan_.attention_norm);
  }
  if (plan_.residual == Residual::pre_norm || plan_.residual == Residual::sandwich ||
      (plan_.residual == Residual::parallel && plan_.parallel_ffn_norm)) {
    layer.ffn_norm = load_norm(r, plan_, prefix + plan_.ffn_norm);
  }
  if (plan_.residual == Residual::post_norm || plan_.residual == Residual::sandwich) {
    layer.attention_post_norm = load_norm(r, plan_, prefix + "post_attention_norm");
    layer.ffn_post_norm = load_norm(r, plan_, prefix + "post_ffw_norm");
  }
  if (plan_.moe && !flag(plan_.dense, i)) {
    layer.moe.emplace(r, i, *plan_.moe);
  } else {
    layer.ffn.emplace(r, i, plan_.ffn);
  }
  if (!flag(plan_.no_rope, i)) layer.rope = windowed ? &plan_.window_rope : &plan_.rope;
  return layer;
}

compute::KvLayout Decoder::kv_layout(quant::Type key_type, quant::Type value_type) const {
  compute::KvLayout layout{.layers = {}, .key_type = key_type, .value_type = value_type};
  for (const Layer& layer : layers_) layout.layers.push_back(layer.attention.cache());
  if (!info_.is_causal) share_layer(layout);
  return layout;
}

Tensor Decoder::feed_forward(Step& step, const Layer& layer, Tensor n) const {
  Tensor f = layer.moe ? (*layer.moe)(step, n) : (*layer.ffn)(step, n);
  f = layer.ffn_post_norm(step, f);
  if (plan_.residual_scale != 1) step.device().scale(f, plan_.residual_scale);
  return f;
}

void Decoder::run_layer(Step& step, const Layer& layer, int index, bool last, Tensor& x) const {
  compute::Device& device = step.device();
  Tensor n = layer.attention_norm(step, x);
  Tensor a = layer.attention(step, n, info_.is_causal ? index : 0, layer.rope, last);
  if (last) {
    x = step.wanted(x);
    if (plan_.residual == Residual::parallel) n = step.wanted(n);
  }
  if (plan_.parallel_ffn_norm) n = layer.ffn_norm(step, x);
  a = layer.attention_post_norm(step, a);
  if (plan_.residual_scale != 1) device.scale(a, plan_.residual_scale);
  if (plan_.residual == Residual::parallel) {
    device.add(x, a);
  } else if (layer.ffn_norm.kind == Norm::Kind::rms) {
    n = step.add_rms_norm(x, a, layer.ffn_norm.weight, layer.ffn_norm.eps);
  } else {
    device.add(x, a);
    n = layer.ffn_norm(step, x);
  }
  device.add(x, feed_forward(step, layer, n));
}

Tensor Decoder::run(Step& step) const {
  Tensor x = step.embed(embedding_, plan_.embedding_scale);
  if (embedding_norm_) x = embedding_norm_(step, x);
  step.each_layer(layers_.size(), x, [&](std::size_t i, bool last) {
    run_layer(step, layers_[i], static_cast<int>(i), last, x);
  });
  return output_norm_(step, x);
}

Tensor Decoder::head(Step& step, Tensor x) const {
  Tensor logits = step.linear(x, output_, output_bias_);
  if (plan_.logit_scale != 1) step.device().scale(logits, plan_.logit_scale);
  if (plan_.logit_softcap > 0) step.device().softcap(logits, plan_.logit_softcap);
  return logits;
}

}  // namespace llm
