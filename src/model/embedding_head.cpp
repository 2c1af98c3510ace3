#include "model/embedding_head.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/reader.h"

namespace llm {

using compute::Tensor;

namespace {

/// Outputs of a matrix whose number of rows only its own shape says; 0: it is not there.
int rows_of(const ModelReader& r, const std::string& name, int cols) {
  const gguf::TensorInfo* tensor = r.file().find_tensor(name);
  if (tensor == nullptr) return 0;
  constexpr std::int64_t kMost = 1 << 20;
  const std::int64_t rows = tensor->elements() / cols;
  if (rows < 1 || rows > kMost) fail("tensor '{}' has {} values", name, tensor->elements());
  return static_cast<int>(rows);
}

void softmax(std::span<float> x) {
  const float top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (float& v : x) sum += v = std::exp(v - top);
  for (float& v : x) v = static_cast<float>(v / sum);
}

}  // namespace

EmbeddingHead::Layer EmbeddingHead::load_layer(ModelReader& r, const std::string& name, int rows,
                                               int cols) {
  return {r.matrix(name + ".weight", rows, cols), r.optional_vector(name + ".bias", rows)};
}

void EmbeddingHead::load(ModelReader& r) {
  const int width = r.hyper().width;
  width_ = width;
  for (const char* name : {"dense_2", "dense_3"}) {
    const int rows = rows_of(r, std::string(name) + ".weight", width_);
    if (rows == 0) continue;
    dense_.push_back(load_layer(r, name, rows, width_));
    width_ = rows;
  }
  const std::string& family = r.architecture();
  if (family == "modern-bert") {
    rank_input_ = Pooling::mean;
    gelu_ = true;
  } else if (family == "qwen3" || family == "qwen3vl") {
    rank_input_ = Pooling::last;
    softmax_ = true;
  }
  const int inner = rows_of(r, "cls.weight", width);
  if (inner > 0) classifier_ = load_layer(r, "cls", inner, width);
  const int input = inner > 0 ? inner : width;
  if (r.has_tensor("cls.norm.weight")) {
    norm_ = r.vector("cls.norm.weight", input);
    eps_ = r.norm_eps();
  }
  if (const int classes = rows_of(r, "cls.output.weight", input); classes > 0) {
    output_ = load_layer(r, "cls.output", classes, input);
  }
}

Tensor EmbeddingHead::apply(compute::Device& device, const Layer& layer, Tensor x) {
  const Tensor out = device.allocate(x.rows, layer.weight.rows);
  const compute::Linear product{&layer.weight, layer.bias, out};
  device.linear(x, {&product, 1});
  return out;
}

Tensor EmbeddingHead::project(compute::Device& device, Tensor x) const {
  for (const Layer& layer : dense_) x = apply(device, layer, x);
  return x;
}

Tensor EmbeddingHead::scores(compute::Device& device, Tensor x) const {
  if (classifier_.weight) {
    x = apply(device, classifier_, x);
    if (gelu_) {
      device.activate(x, compute::Activation::gelu);
    } else {
      device.softcap(x, 1);  // tanh
    }
    if (norm_ != nullptr) device.layer_norm(x, norm_, nullptr, eps_, x);
  }
  if (output_.weight) x = apply(device, output_, x);
  x = device.to_host(x);
  if (softmax_ && output_.weight) {
    for (std::int64_t r = 0; r < x.rows; ++r) softmax(x.row(r));
  }
  return x;
}

}  // namespace llm
