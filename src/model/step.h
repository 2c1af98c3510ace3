// One forward pass in the making: the batch laid flat, and the device's operations in the form in
// which a family's run() reads like its paper. Tensors live until the layer (or the step) ends.
//
// Products go through here, never to the device directly: this is where the adapters of the
// sequences join them. So do control vectors, behind each layer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"

namespace llm {

class Step {
 public:
  /// control: by layer, what is added behind it; see model/control_vector.h.
  Step(compute::Device& device, compute::KvPool& pool, std::span<const BatchSequence> batch,
       std::span<const std::vector<float>> control = {});

  compute::Device& device() { return device_; }
  compute::KvPool& pool() { return pool_; }
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const std::int32_t> positions() const { return positions_; }
  std::span<const compute::SequenceSlice> slices() const { return slices_; }
  std::int64_t token_count() const { return static_cast<std::int64_t>(tokens_.size()); }

  /// Calls layer(i, last) for each layer, which changes the residual stream x, and enters the
  /// output. What a layer allocates is given back when it returns, except what the last one
  /// allocates.
  template <class F>
  void each_layer(std::size_t count, compute::Tensor& x, F&& layer) {
    for (std::size_t i = 0; i < count; ++i) {
      x = device_.enter_layer(static_cast<int>(i), x);
      const compute::Device::Mark mark = device_.mark();
      const bool last = i + 1 == count;
      layer(i, last);
      if (i < control_.size() && !control_[i].empty()) device_.add_to_rows(x, control_[i]);
      if (!last) device_.rewind(mark);
    }
    x = device_.enter_layer(compute::Device::kOutput, x);
  }

  /// The slices of the tokens whose logits are wanted; they index the rows of wanted().
  std::span<const compute::SequenceSlice> wanted_slices() const { return wanted_slices_; }
  /// The rows of tokens whose logits are wanted, when they are fewer than all of x's.
  compute::Tensor wanted(compute::Tensor x);

  compute::Tensor embed(const compute::Weight& table, float scale = 1.0f);
  compute::Tensor rms_norm(compute::Tensor x, const float* weight, float eps);
  /// x += y, then the norm of x.
  compute::Tensor add_rms_norm(compute::Tensor x, compute::Tensor y, const float* weight,
                               float eps);
  // The rows of x are those of all tokens, or of the wanted ones.
  compute::Tensor linear(compute::Tensor x, const compute::Weight& weight,
                         const float* bias = nullptr);
  void linear(compute::Tensor x, std::span<const compute::Linear> products);
  compute::Tensor gated_ffn(compute::Tensor x, const compute::Device::GatedFfn& ffn);
  compute::Tensor moe_ffn(compute::Tensor x, const compute::Weight& router,
                          const float* router_bias, const compute::Device::MoeFfn& moe);

 private:
  /// An adapter that some sequence of the batch uses.
  struct Active {
    const Adapter* adapter;
    std::vector<float> scales, wanted_scales;  // of all tokens, of the wanted ones; 0: without it
  };
  using LowRanks = std::vector<compute::LowRank>;

  void lay_adapters(std::span<const BatchSequence> batch);
  Active& active(const Adapter& adapter);
  /// What the adapters add to a product of `weight` (may be null) with `rows` rows.
  LowRanks changes(const compute::Weight* weight, std::int64_t rows) const;

  compute::Device& device_;
  compute::KvPool& pool_;
  std::span<const std::vector<float>> control_;
  std::vector<TokenId> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<compute::SequenceSlice> slices_;
  std::vector<std::int32_t> wanted_;  // indices of tokens
  std::vector<compute::SequenceSlice> wanted_slices_;
  std::vector<Active> active_;  // by uid, so that no token's sums depend on its neighbours
};

}  // namespace llm
