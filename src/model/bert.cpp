#include "model/bert.h"

#include <algorithm>

namespace llm {

using compute::Tensor;

namespace {

Norm load_norm(ModelReader& r, const std::string& name, float eps) {
  const int width = r.hyper().width;
  return {.kind = Norm::Kind::layer,
          .eps = eps,
          .weight = r.vector(name + ".weight", width),
          .bias = r.vector(name + ".bias", width)};
}

/// A table of vectors whose number of rows only its own shape says.
compute::Weight load_table(ModelReader& r, const std::string& name) {
  const gguf::TensorInfo* tensor = r.file().find_tensor(name);
  const std::int64_t rows =
      tensor != nullptr && tensor->shape.size() == 2 ? tensor->shape.front() : 1;
  return r.table(name, rows, r.hyper().width);
}

}  // namespace

Bert::Bert(ModelReader& r, const BertPlan& plan) : LoadedModel(r), plan_(plan) {
  const Hyper& h = r.hyper();
  const float eps = r.norm_eps();
  info_.has_logits = false;
  embedding_ = r.table("token_embd.weight", h.vocab, h.width);
  if (r.has_tensor("token_types.weight")) types_ = load_table(r, "token_types.weight");
  if (plan.learned_positions) positions_ = load_table(r, "position_embd.weight");
  if (positions_ && positions_.rows < h.context_train) {
    fail("tensor 'position_embd.weight' has {} positions where '{}' says {}", positions_.rows,
         r.full_key("context_length"), h.context_train);
  }
  embedding_norm_ = load_norm(r, "token_embd_norm", eps);
  for (int i = 0; i < h.layers; ++i) layers_.push_back(load_layer(r, i, eps));
  keep(r);
}

Bert::Layer Bert::load_layer(ModelReader& r, int i, float eps) const {
  const std::string prefix = fmt::format("blk.{}.", i);
  Layer layer{.attention = {r, i, plan_.attention, /*window=*/0}};
  layer.attention_norm = load_norm(r, prefix + "attn_output_norm", eps);
  if (r.has_tensor(prefix + "attn_norm_2.weight")) {
    layer.second_norm = load_norm(r, prefix + "attn_norm_2", eps);
  }
  layer.output_norm = load_norm(r, prefix + "layer_output_norm", eps);
  if (plan_.moe && plan_.mixtures[static_cast<std::size_t>(i)]) {
    layer.moe.emplace(r, i, *plan_.moe);
  } else {
    layer.ffn.emplace(r, i, plan_.ffn);
  }
  return layer;
}

compute::KvLayout Bert::kv_layout(quant::Type key_type, quant::Type value_type) const {
  compute::KvLayout layout{.layers = {}, .key_type = key_type, .value_type = value_type};
  for (const Layer& layer : layers_) layout.layers.push_back(layer.attention.cache());
  if (!info_.is_causal) share_layer(layout);
  return layout;
}

Tensor Bert::embed_tokens(Step& step) const {
  compute::Device& device = step.device();
  const Tensor x = step.embed(embedding_);
  const Tensor more = device.allocate(x.rows, x.cols);
  if (types_) {
    const std::vector<TokenId> first_type(step.tokens().size(), 0);
    device.embed(types_, first_type, 1, more);
    device.add(x, more);
  }
  if (positions_) {
    std::vector<TokenId> rows(step.positions().begin(), step.positions().end());
    const auto last = static_cast<TokenId>(positions_.rows - 1);
    for (TokenId& row : rows) row = std::min(row, last);  // callers keep to the context
    device.embed(positions_, rows, 1, more);
    device.add(x, more);
  }
  return embedding_norm_(step, x);
}

void Bert::run_layer(Step& step, const Layer& layer, int index, bool last, Tensor& x) const {
  compute::Device& device = step.device();
  const compute::Rope* rope = plan_.rope ? &*plan_.rope : nullptr;
  const Tensor a = layer.attention(step, x, info_.is_causal ? index : 0, rope, last);
  if (last) x = step.wanted(x);
  device.add(a, x);
  Tensor h = layer.attention_norm(step, a);
  if (layer.second_norm) {
    device.add(h, x);
    h = layer.second_norm(step, h);
  }
  const Tensor f = layer.moe ? (*layer.moe)(step, h) : (*layer.ffn)(step, h);
  device.add(f, h);
  const Norm& norm = layer.output_norm;
  device.layer_norm(f, norm.weight, norm.bias, norm.eps, x);
}

Tensor Bert::run(Step& step) const {
  Tensor x = embed_tokens(step);
  step.each_layer(layers_.size(), x, [&](std::size_t i, bool last) {
    run_layer(step, layers_[i], static_cast<int>(i), last, x);
  });
  return x;
}

}  // namespace llm
