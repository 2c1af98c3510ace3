// Opens a GGUF file (or all parts of a split one) and checks everything before it is used:
// counts, lengths, offsets, types and shapes. A truncated or hostile file ends in an Error that
// names the key or tensor; it never crashes, over-allocates or reads outside.
// Start reading at File::open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "gguf/metadata.h"
#include "quant/type.h"

namespace llm::gguf {

struct TensorInfo {
  std::string name;
  quant::Type type;
  /// Innermost last, as mathematics writes it: a matrix is {rows, columns}. The file's reversed
  /// order ends here. Trailing file dimensions of 1 are dropped (leading here) down to one, so
  /// [4096, 1] becomes {4096} and [1] stays {1}; a tensor without dimensions is {}.
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // inside the mapping, owned by the File

  std::int64_t elements() const;
  std::uint64_t byte_size() const;  // also when `bytes` is empty
};

struct OpenOptions {
  bool use_mmap = true;   // otherwise the file is read into memory
  bool lock = false;      // keep the pages in RAM (mlock)
  bool with_data = true;  // false: metadata and tensor list only, `bytes` empty
};

class File {
 public:
  /// path: a file, or the first part "-00001-of-0000N" of a split one (all parts must be there).
  static File open(const std::string& path, const OpenOptions& options = {});
  /// A file held in memory by the caller (tests, fuzzing).
  static File parse(std::span<const std::byte> bytes, const std::string& name);

  const Metadata& metadata() const { return metadata_; }
  /// For values that the command line overrides.
  Metadata& metadata() { return metadata_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// Null when absent.
  const TensorInfo* find_tensor(std::string_view name) const;

  const std::string& path() const { return path_; }
  std::uint32_t version() const { return version_; }
  std::uint64_t data_bytes() const;  // of all tensors

 private:
  friend class Parser;
  void append_parts(const OpenOptions& options);

  std::string path_;
  std::uint32_t version_ = 0;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::uint32_t> by_name_;  // indices into tensors_, sorted by name
  std::vector<std::shared_ptr<MappedFile>> parts_;
};

}  // namespace llm::gguf
