// Turns the bytes of one GGUF file into a File, checking every field before it is used.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf/cursor.h"
#include "gguf/reader.h"

namespace llm::gguf {

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::string name);

  /// The tensors' bytes lie in the bytes given, which must outlive the File.
  File parse();

  /// Sorts the index of names; an Error when a name occurs twice.
  static void index_names(File& file);

 private:
  struct Placed {
    std::uint64_t offset;  // as the file says
    std::uint64_t bytes;
  };

  void read_header();
  void read_entries();
  Value read_value();
  Array read_array();
  template <class T>
  std::vector<T> read_numbers(std::uint64_t count);
  void read_tensor_infos();
  void read_shape(TensorInfo& tensor);
  std::uint64_t byte_count(const TensorInfo& tensor) const;
  std::uint64_t read_alignment();
  void place_tensors();

  std::span<const std::byte> bytes_;
  std::string name_;
  Cursor cursor_;
  std::uint64_t entry_count_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::vector<Placed> placed_;  // of each tensor
  File file_;
};

}  // namespace llm::gguf
