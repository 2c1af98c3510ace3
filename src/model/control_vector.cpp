#include "model/control_vector.h"

#include <charconv>
#include <string_view>

#include "base/error.h"
#include "gguf/reader.h"

namespace llm {
namespace {

constexpr std::string_view kPrefix = "direction.";

/// "direction.12" -> 12.
int layer_of(const gguf::File& file, std::string_view name) {
  int layer = 0;
  const std::string_view digits = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "";
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
  const bool is_whole = problem == std::errc{} && end == digits.data() + digits.size();
  if (!is_whole || layer < 1) {
    fail("{}: tensor '{}' is not '{}N' with a layer N from 1 on", file.path(), name, kPrefix);
  }
  return layer;
}

void add_file(const ControlVectors::File& wanted, int width,
              std::vector<std::vector<float>>& vectors) {
  const gguf::File file = gguf::File::open(wanted.path, {.use_mmap = false});
  bool is_empty = true;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const int layer = layer_of(file, tensor.name);
    if (tensor.type != quant::Type::f32 || tensor.shape.size() != 1) {
      fail("{}: tensor '{}' must be a list of f32 values", file.path(), tensor.name);
    }
    if (tensor.elements() != width) {
      fail("{}: tensor '{}' has {} values where the model's width is {}", file.path(), tensor.name,
           tensor.elements(), width);
    }
    is_empty = false;
    if (layer >= static_cast<int>(vectors.size())) continue;  // behind the last block
    std::vector<float>& sum = vectors[static_cast<std::size_t>(layer)];
    sum.resize(static_cast<std::size_t>(width));
    std::vector<float> values(sum.size());
    quant::traits(tensor.type).dequantize(tensor.bytes.data(), values.data(), width);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += wanted.strength * values[i];
  }
  if (is_empty) fail("{}: there is no tensor '{}N'", file.path(), kPrefix);
}

}  // namespace

std::vector<std::vector<float>> load_control_vectors(const ControlVectors& wanted, int layers,
                                                     int width) {
  if (wanted.files.empty()) return {};
  std::vector<std::vector<float>> vectors(static_cast<std::size_t>(layers));
  for (const ControlVectors::File& file : wanted.files) add_file(file, width, vectors);
  const int first = wanted.first_layer > 0 ? wanted.first_layer : 1;
  const int last = wanted.last_layer > 0 ? wanted.last_layer : layers;
  for (int i = 0; i < layers; ++i) {
    if (i < first || i > last) vectors[static_cast<std::size_t>(i)].clear();
  }
  return vectors;
}

}  // namespace llm
