#include "model/model.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "model/arch/families.h"
#include "model/file_type.h"
#include "model/reader.h"
#include "model/step.h"

namespace llm {
namespace {

const Family& find_family(const gguf::File& file) {
  const auto architecture = file.metadata().need<std::string>("general.architecture");
  std::string known;
  for (const Family& family : families()) {
    if (family.name == architecture) return family;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", family.name);
  }
  fail("{}: models of the architecture '{}' cannot be run; supported are {}", file.path(),
       architecture, known);
}

}  // namespace

std::unique_ptr<Model> Model::load(const gguf::File& file, compute::Device& device,
                                   const LoadOptions& options) {
  const Family& family = find_family(file);
  ModelReader reader(file, device, options);
  return family.make(reader);
}

Model::Model(ModelReader& reader) : device_(reader.device()) {
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

void Model::keep(ModelReader& reader) {
  floats_ = reader.take_floats();
}

compute::Tensor Model::forward(std::span<const BatchSequence> batch, compute::KvPool& pool) {
  device_.reset();
  Step step(device_, pool, batch);
  if (step.token_count() == 0) return {nullptr, 0, info_.vocab};
  return run(step);
}

}  // namespace llm
