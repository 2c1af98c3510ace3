// Writes GGUF v3 files: metadata first, then tensors streamed in the announced order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
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
/// Everything that a reader would refuse is an Error here, as is every failed write.
class Writer {
 public:
  /// `general.alignment` of the metadata is obeyed (32 when absent).
  Writer(std::string path, const Metadata& metadata, std::vector<TensorPlan> tensors);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// The next tensor's whole bytes, in the order of the plan.
  void write_tensor(std::span<const std::byte> bytes);

  /// The next bytes of the current tensor, for tensors that are made piece by piece. The tensor
  /// ends when all its bytes are there.
  void write_part(std::span<const std::byte> bytes);

  void finish();

 private:
  void put(const void* bytes, std::size_t count);
  void pad();
  [[noreturn]] void give_up(std::string_view what);

  std::string path_;
  std::string part_path_;
  std::vector<TensorPlan> tensors_;
  std::size_t next_ = 0;       // the tensor being written
  std::uint64_t pending_ = 0;  // its bytes that are still to come
  std::uint64_t alignment_ = 32;
  std::uint64_t position_ = 0;  // in the file
  std::ofstream out_;
  bool finished_ = false;
};

}  // namespace llm::gguf
