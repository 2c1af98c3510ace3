// What all families share: the device, the short tensors that are kept as f32, one step around the
// family's own pass.
#pragma once

#include <deque>
#include <vector>

#include "model/embedding_head.h"
#include "model/model.h"

namespace llm {

class ModelReader;
class Step;

class LoadedModel : public Model {
 public:
  compute::Tensor forward(std::span<const BatchSequence> batch, compute::KvPool& pool) final;
  compute::Tensor embed(std::span<const BatchSequence> batch, compute::KvPool& pool) final;
  compute::Tensor finish(std::span<const float> pooled, Pooling pooling) final;
  std::shared_ptr<const Adapter> load_adapter(const std::string& path) const final;

 protected:
  explicit LoadedModel(ModelReader& reader);
  /// To be called when a family has loaded its last tensor.
  void keep(ModelReader& reader);

  /// The family's own pass: from the tokens of a step to the vectors behind the last norm, of its
  /// wanted rows.
  virtual compute::Tensor run(Step& step) const = 0;
  /// From these vectors to logits; families without an output matrix have none.
  virtual compute::Tensor head(Step& step, compute::Tensor x) const;

 private:
  compute::Device& device_;
  EmbeddingHead embedding_head_;
  std::vector<NamedWeight> matrices_;  // that adapters may change
  compute::Weight token_table_;
  std::vector<std::vector<float>> control_;  // by block, see control_vector.h
  std::deque<std::vector<float>> floats_;    // norms, biases and other short tensors as f32
};

}  // namespace llm
