#include "model/model.h"

#include "base/error.h"
#include "model/arch/families.h"
#include "model/reader.h"

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

compute::Tensor Model::embed(std::span<const BatchSequence>, compute::KvPool&) {
  fail("this model makes no embeddings");
}

compute::Tensor Model::finish(std::span<const float>, Pooling) {
  fail("this model makes no embeddings");
}

std::shared_ptr<const Adapter> Model::load_adapter(const std::string&) const {
  fail("this model takes no adapters");
}

std::unique_ptr<Model> Model::load(const gguf::File& file, compute::Device& device,
                                   const LoadOptions& options) {
  const Family& family = find_family(file);
  ModelReader reader(file, device, options);
  return family.make(reader);
}

}  // namespace llm
