// Makes a quantised copy of a model file: tensor by tensor, a few rows at a time, so that memory
// does not grow with the model. Start reading at quantize_file.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "quant/type.h"

namespace llm::gguf {

struct QuantizeOptions {
  std::string file_type;          // a name of quant::file_types()
  bool pure = false;              // every matrix gets the base type: no mix
  std::string output_type;        // of output.weight, empty: as the mix says
  std::string embedding_type;     // of token_embd.weight
  bool keep_output = false;       // output.weight stays as it is
  bool allow_requantize = false;  // the source may be quantised (loses more than quantising once)
  std::string imatrix;            // an importance file (general.type imatrix), empty: none
  int threads = 1;
};

/// What happens to one tensor, told when it begins.
struct TensorStep {
  std::size_t number;  // from 0
  std::size_t count;
  std::string_view name;
  std::span<const std::int64_t> shape;
  quant::Type from, to;
  quant::Type wanted;  // differs from `to` where the rows do not fit whole blocks
  std::uint64_t bytes_before, bytes_after;
};

struct QuantizeResult {
  std::uint64_t bytes_before = 0, bytes_after = 0;
  int misfits = 0;  // tensors that got another type than wanted
};

/// Norms, biases and other vectors keep their type. The output appears only when it is complete.
/// Throws Error: unreadable source, unknown type, a type without a quantiser, values that are not
/// finite, a disk that is full.
QuantizeResult quantize_file(const std::string& source, const std::string& target,
                             const QuantizeOptions& options,
                             const std::function<void(const TensorStep&)>& progress = {});

}  // namespace llm::gguf
