#include "model/check_tensors.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "quant/type.h"

namespace llm {

void check_tensors(const gguf::File& file) {
  std::vector<float> values;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const quant::Traits& traits = quant::traits(tensor.type);
    if (traits.dequantize == nullptr) continue;  // integers are always finite
    const std::int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    const std::int64_t row_bytes = quant::row_bytes(tensor.type, columns);
    values.resize(static_cast<std::size_t>(columns));
    const std::int64_t rows = columns == 0 ? 0 : tensor.elements() / columns;
    for (std::int64_t row = 0; row < rows; ++row) {
      traits.dequantize(tensor.bytes.data() + row * row_bytes, values.data(), columns);
      if (std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
        continue;
      }
      fail("{}: tensor {} holds a value that is not a finite number in row {}", file.path(),
           tensor.name, row);
    }
  }
}

}  // namespace llm
