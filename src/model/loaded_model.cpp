#include "model/loaded_model.h"

#include "model/file_type.h"
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
}

void LoadedModel::keep(ModelReader& reader) {
  floats_ = reader.take_floats();
}

compute::Tensor LoadedModel::forward(std::span<const BatchSequence> batch, compute::KvPool& pool) {
  device_.reset();
  Step step(device_, pool, batch);
  if (step.token_count() == 0) return {nullptr, 0, info_.vocab};
  return run(step);
}

}  // namespace llm
