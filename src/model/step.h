// One forward pass in the making: the batch laid flat, and the device's operations in the form in
// which a family's run() reads like its paper. Tensors live until the layer (or the step) ends.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"

namespace llm {

class Step {
 public:
  Step(compute::Device& device, compute::KvPool& pool, std::span<const BatchSequence> batch);

  compute::Device& device() { return device_; }
  compute::KvPool& pool() { return pool_; }
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const std::int32_t> positions() const { return positions_; }
  std::span<const compute::SequenceSlice> slices() const { return slices_; }
  std::int64_t token_count() const { return static_cast<std::int64_t>(tokens_.size()); }

  /// Calls layer(i, last) for each layer. What a layer allocates is given back when it returns,
  /// except what the last one allocates.
  template <class F>
  void each_layer(std::size_t count, F&& layer) {
    for (std::size_t i = 0; i + 1 < count; ++i) {
      const compute::Device::Mark mark = device_.mark();
      layer(i, false);
      device_.rewind(mark);
    }
    layer(count - 1, true);
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
  compute::Tensor linear(compute::Tensor x, const compute::Weight& weight,
                         const float* bias = nullptr);
  compute::Tensor gated_ffn(compute::Tensor x, const compute::Device::GatedFfn& ffn);
  compute::Tensor moe_ffn(compute::Tensor x, const compute::Weight& router,
                          const float* router_bias, const compute::Device::MoeFfn& moe);

 private:
  compute::Device& device_;
  compute::KvPool& pool_;
  std::vector<TokenId> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<compute::SequenceSlice> slices_;
  std::vector<std::int32_t> wanted_;  // indices of tokens
  std::vector<compute::SequenceSlice> wanted_slices_;
};

}  // namespace llm
