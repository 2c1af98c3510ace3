#include "model/step.h"

#include <algorithm>
#include <cassert>

namespace llm {

using compute::Tensor;

Step::Step(compute::Device& device, compute::KvPool& pool, std::span<const BatchSequence> batch,
           std::span<const std::vector<float>> control)
    : device_(device), pool_(pool), control_(control) {
  device_.enter_layer(0, {});
  for (const BatchSequence& sequence : batch) {
    const auto first = static_cast<int>(tokens_.size());
    const auto count = static_cast<int>(sequence.tokens.size());
    if (count == 0) continue;
    assert(sequence.pages.size() * compute::kPageTokens >=
           static_cast<std::size_t>(sequence.first_position + count));
    slices_.push_back({first, count, sequence.first_position, sequence.pages});
    tokens_.insert(tokens_.end(), sequence.tokens.begin(), sequence.tokens.end());
    for (int i = 0; i < count; ++i) positions_.push_back(sequence.first_position + i);
    if (sequence.outputs == Outputs::none) continue;
    const int skipped = sequence.outputs == Outputs::last ? count - 1 : 0;
    wanted_slices_.push_back({static_cast<int>(wanted_.size()), count - skipped,
                              sequence.first_position + skipped, sequence.pages});
    for (int i = skipped; i < count; ++i) wanted_.push_back(first + i);
  }
  lay_adapters(batch);
}

void Step::lay_adapters(std::span<const BatchSequence> batch) {
  std::size_t first = 0;
  for (const BatchSequence& sequence : batch) {
    for (const AdapterUse& use : sequence.adapters) {
      std::vector<float>& scales = active(*use.adapter).scales;
      const int skipped = std::max(0, use.first_position - sequence.first_position);
      for (std::size_t i = static_cast<std::size_t>(skipped); i < sequence.tokens.size(); ++i) {
        scales[first + i] = use.scale;
      }
    }
    first += sequence.tokens.size();
  }
  for (Active& one : active_) {
    for (const std::int32_t token : wanted_) {
      one.wanted_scales.push_back(one.scales[static_cast<std::size_t>(token)]);
    }
  }
}

Step::Active& Step::active(const Adapter& adapter) {
  const auto at = std::lower_bound(
      active_.begin(), active_.end(), adapter.uid(),
      [](const Active& one, std::uint64_t uid) { return one.adapter->uid() < uid; });
  if (at != active_.end() && at->adapter == &adapter) return *at;
  return *active_.insert(at, {&adapter, std::vector<float>(tokens_.size()), {}});
}

Step::LowRanks Step::changes(const compute::Weight* weight, std::int64_t rows) const {
  LowRanks list;
  if (weight == nullptr) return list;
  for (const Active& one : active_) {
    const Adapter::Pair pair = one.adapter->find(*weight);
    if (!pair.a) continue;
    assert(rows == token_count() || rows == static_cast<std::int64_t>(wanted_.size()));
    list.push_back({.a = pair.a,
                    .b = pair.b,
                    .factor = pair.factor,
                    .scales = rows == token_count() ? one.scales : one.wanted_scales});
  }
  return list;
}

Tensor Step::wanted(Tensor x) {
  if (wanted_.size() == tokens_.size()) return x;
  Tensor kept = device_.allocate(static_cast<std::int64_t>(wanted_.size()), x.cols);
  device_.gather_rows(x, wanted_, kept);
  return kept;
}

Tensor Step::embed(const compute::Weight& table, float scale) {
  Tensor x = device_.allocate(token_count(), table.cols);
  LowRanks list;
  for (const Active& one : active_) {
    const Adapter::Pair* pair = one.adapter->embedding();
    if (pair != nullptr) list.push_back({pair->a, pair->b, pair->factor, one.scales});
  }
  device_.embed(table, tokens_, scale, x, list);
  return x;
}

Tensor Step::rms_norm(Tensor x, const float* weight, float eps) {
  Tensor out = device_.allocate(x.rows, x.cols);
  device_.rms_norm(x, weight, eps, out);
  return out;
}

Tensor Step::add_rms_norm(Tensor x, Tensor y, const float* weight, float eps) {
  Tensor out = device_.allocate(x.rows, x.cols);
  device_.add_rms_norm(x, y, weight, eps, out);
  return out;
}

Tensor Step::linear(Tensor x, const compute::Weight& weight, const float* bias) {
  const Tensor out = device_.allocate(x.rows, weight.rows);
  const compute::Linear product{&weight, bias, out};
  linear(x, {&product, 1});
  return out;
}

void Step::linear(Tensor x, std::span<const compute::Linear> products) {
  if (active_.empty()) return device_.linear(x, products);
  std::vector<compute::Linear> changed(products.begin(), products.end());
  std::vector<LowRanks> lists;
  lists.reserve(changed.size());
  for (compute::Linear& product : changed) {
    product.low_rank = lists.emplace_back(changes(product.weight, x.rows));
  }
  device_.linear(x, changed);
}

Tensor Step::gated_ffn(Tensor x, const compute::Device::GatedFfn& ffn) {
  Tensor out = device_.allocate(x.rows, ffn.down->rows);
  const LowRanks gate = changes(ffn.gate, x.rows), up = changes(ffn.up, x.rows),
                 down = changes(ffn.down, x.rows);
  compute::Device::GatedFfn changed = ffn;
  changed.gate_low_rank = gate;
  changed.up_low_rank = up;
  changed.down_low_rank = down;
  device_.gated_ffn(x, changed, out);
  return out;
}

Tensor Step::moe_ffn(Tensor x, const compute::Weight& router, const float* router_bias,
                     const compute::Device::MoeFfn& moe) {
  const Tensor logits = linear(x, router, router_bias);
  Tensor out = device_.allocate(x.rows, moe.down->rows);
  const LowRanks gate = changes(moe.gate, x.rows), up = changes(moe.up, x.rows),
                 down = changes(moe.down, x.rows);
  compute::Device::MoeFfn changed = moe;
  changed.gate_low_rank = gate;
  changed.up_low_rank = up;
  changed.down_low_rank = down;
  device_.moe_ffn(x, logits, changed, out);
  return out;
}

}  // namespace llm
