// What embedding models and rerankers have behind the pooling: dense layers (EmbeddingGemma), or a
// classifier of one or two layers. A model of any family may have one, by the names of its tensors.
#pragma once

#include "compute/device.h"
#include "model/model.h"

namespace llm {

class ModelReader;

class EmbeddingHead {
 public:
  /// Finds what there is: dense_2, dense_3; cls, cls.norm, cls.output.
  void load(ModelReader& reader);

  /// [n, width] -> [n, width()].
  compute::Tensor project(compute::Device& device, compute::Tensor x) const;
  /// [n, width] -> [n, classes], for the host; in a model without a classifier x itself.
  compute::Tensor scores(compute::Device& device, compute::Tensor x) const;

  int width() const { return width_; }
  Pooling rank_input() const { return rank_input_; }

 private:
  struct Layer {
    compute::Weight weight;
    const float* bias = nullptr;
  };
  static Layer load_layer(ModelReader& reader, const std::string& name, int rows, int cols);
  static compute::Tensor apply(compute::Device& device, const Layer& layer, compute::Tensor x);

  std::vector<Layer> dense_;
  Layer classifier_, output_;
  const float* norm_ = nullptr;  // between them
  float eps_ = 0;
  bool gelu_ = false;     // behind the classifier's first layer; else tanh
  bool softmax_ = false;  // the scores are answers to one question ("yes", "no")
  Pooling rank_input_ = Pooling::cls;
  int width_ = 0;
};

}  // namespace llm
