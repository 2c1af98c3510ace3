#include "model/tensor_layer.h"

#include <charconv>

namespace llm {

std::optional<int> layer_of(std::string_view tensor) {
  constexpr std::string_view kBlock = "blk.";
  if (tensor.starts_with("enc.")) tensor.remove_prefix(4);
  if (!tensor.starts_with(kBlock)) return {};
  tensor.remove_prefix(kBlock.size());
  int layer = 0;
  const auto [end, problem] = std::from_chars(tensor.data(), tensor.data() + tensor.size(), layer);
  const bool is_number = problem == std::errc{} && end != tensor.data() + tensor.size();
  if (!is_number || *end != '.' || layer < 0) return {};
  return layer;
}

}  // namespace llm
