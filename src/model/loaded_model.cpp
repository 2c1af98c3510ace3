#include "model/loaded_model.h"

#include <algorithm>

#include "model/control_vector.h"
#include "model/file_type.h"
#include "model/fingerprint.h"
#include "model/reader.h"
#include "model/step.h"

namespace llm {

LoadedModel::LoadedModel(ModelReader& reader) : device_(reader.device()) {
  const Hyper& h = reader.hyper();
  const gguf::File& file = reader.file();
  info_.architecture = reader.architecture();
  info_.name = file.metadata().get_or<std::string>("general.name", "");
  info_.vocab = h.vocab;
  info_.width = h.width;
  info_.layers = h.layers;
  info_.heads = h.heads.front();
  info_.kv_heads = h.kv_heads.front();
  info_.context_train = h.context_train;
  for (const gguf::TensorInfo& tensor : file.tensors()) info_.parameters += tensor.elements();
  info_.weight_bytes = reader.weight_bytes();
  info_.file_type = file_type_name(file);
  info_.fingerprint = fingerprint_of(file, reader.options());
  info_.is_causal = reader.is_causal();
  control_ = load_control_vectors(reader.options().control_vectors, h.layers, h.width);
  if (reader.has("pooling_type")) {
    info_.pooling = static_cast<Pooling>(reader.count("pooling_type", 0, 4));
  }
}

void LoadedModel::keep(ModelReader& reader) {
  matrices_ = reader.matrices();
  token_table_ = reader.token_table();
  embedding_head_.load(reader);
  info_.embedding_width = embedding_head_.width();
  info_.rank_input = embedding_head_.rank_input();
  floats_ = reader.take_floats();
}

compute::Tensor LoadedModel::forward(std::span<const BatchSequence> batch, compute::KvPool& pool) {
  device_.reset();
  Step step(device_, pool, batch, control_);
  device_.begin_step(step.token_count());
  if (step.token_count() == 0) return {nullptr, 0, info_.vocab};
  return device_.to_host(head(step, run(step)));
}

compute::Tensor LoadedModel::embed(std::span<const BatchSequence> batch, compute::KvPool& pool) {
  device_.reset();
  Step step(device_, pool, batch, control_);
  device_.begin_step(step.token_count());
  if (step.token_count() == 0) return {nullptr, 0, info_.width};
  return device_.to_host(run(step));
}

compute::Tensor LoadedModel::finish(std::span<const float> pooled, Pooling pooling) {
  device_.reset();
  const auto rows = static_cast<std::int64_t>(pooled.size()) / info_.width;
  device_.enter_layer(compute::Device::kOutput, {});
  const compute::Tensor x = device_.allocate(rows, info_.width);
  device_.from_host(pooled, x);
  return pooling == Pooling::rank ? embedding_head_.scores(device_, x)
                                  : device_.to_host(embedding_head_.project(device_, x));
}

std::shared_ptr<const Adapter> LoadedModel::load_adapter(const std::string& path) const {
  return std::make_shared<const Adapter>(path, info_.architecture, matrices_, token_table_,
                                         device_);
}

compute::Tensor LoadedModel::head(Step&, compute::Tensor) const {
  fail("a model of the family '{}' has no logits", info_.architecture);
}

}  // namespace llm
