#include "model/step.h"

#include <cassert>

namespace llm {

using compute::Tensor;

Step::Step(compute::Device& device, compute::KvPool& pool, std::span<const BatchSequence> batch)
    : device_(device), pool_(pool) {
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
}

Tensor Step::wanted(Tensor x) {
  if (wanted_.size() == tokens_.size()) return x;
  Tensor kept = device_.allocate(static_cast<std::int64_t>(wanted_.size()), x.cols);
  device_.gather_rows(x, wanted_, kept);
  return kept;
}

Tensor Step::embed(const compute::Weight& table, float scale) {
  Tensor x = device_.allocate(token_count(), table.cols);
  device_.embed(table, tokens_, scale, x);
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
  device_.linear(x, {&product, 1});
  return out;
}

Tensor Step::gated_ffn(Tensor x, const compute::Device::GatedFfn& ffn) {
  Tensor out = device_.allocate(x.rows, ffn.down->rows);
  device_.gated_ffn(x, ffn, out);
  return out;
}

Tensor Step::moe_ffn(Tensor x, const compute::Weight& router, const float* router_bias,
                     const compute::Device::MoeFfn& moe) {
  const Tensor logits = linear(x, router, router_bias);
  Tensor out = device_.allocate(x.rows, moe.down->rows);
  device_.moe_ffn(x, logits, moe, out);
  return out;
}

}  // namespace llm
