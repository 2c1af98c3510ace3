// Writes GGUF v3 files: metadata first, then tensors streamed in the announced order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "quant/type.h"

namespace llm::gguf {

struct TensorPlan {
  std::string name;
  quant::Type type;
  std::vector<std::int64_t> shape;  // innermost last
};

/// The file appears under its name only when finish() succeeded; before that it is `path`.part.
class Writer {
 public:
  Writer(std::string path, const Metadata& metadata, std::vector<TensorPlan> tensors);
  ~Writer();

  /// The next tensor's whole bytes, in the order of the plan.
  void write_tensor(std::span<const std::byte> bytes);
  void finish();

 private:
  std::string path_;
  std::vector<TensorPlan> tensors_;
  std::size_t next_ = 0;
  std::uint64_t alignment_ = 32;
  std::ofstream out_;
  bool finished_ = false;
};

}  // namespace llm::gguf
