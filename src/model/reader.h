// What a family's constructor reads from: metadata keys without the architecture's prefix, and
// tensors by name and shape. Everything missing, misshapen or out of range is an Error that names
// it. Matrices stay in the mapped file; short tensors become f32.
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/model.h"

namespace llm {

/// Hyper-parameters that nearly every family has. Per-layer lists have `layers` entries.
struct Hyper {
  int vocab = 0, width = 0, context_train = 0;
  int layers = 0;  // of the trunk: without the layers of draft heads at the end
  std::vector<int> heads, kv_heads, ffn;
  int key_dim = 0, value_dim = 0;  // of one head
  int rotated = 0;                 // dimensions of a head that rope turns
  int experts = 0, experts_used = 0;
};

class ModelReader {
 public:
  ModelReader(const gguf::File& file, compute::Device& device, const LoadOptions& options);

  const gguf::File& file() const { return file_; }
  compute::Device& device() { return device_; }
  const LoadOptions& options() const { return options_; }
  const std::string& architecture() const { return architecture_; }
  const Hyper& hyper() const { return hyper_; }
  /// What the file says of its mask; encoders state what is meant when it says nothing.
  bool is_causal() const { return flag_or("attention.causal", causal_by_default_); }
  void set_causal_by_default(bool causal) { causal_by_default_ = causal; }
  /// Tokens per sequence that the model is run with.
  int context() const { return options_.context > 0 ? options_.context : hyper_.context_train; }

  // Keys, named without "<architecture>.".
  std::string full_key(std::string_view key) const;
  bool has(std::string_view key) const { return file_.metadata().has(full_key(key)); }
  std::string string_or(std::string_view key, std::string otherwise) const;
  float number(std::string_view key) const;
  float number_or(std::string_view key, float otherwise) const;
  bool flag(std::string_view key) const { return file_.metadata().need<bool>(full_key(key)); }
  bool flag_or(std::string_view key, bool otherwise) const;
  int count(std::string_view key, int lowest, int highest) const;
  int count_or(std::string_view key, int otherwise, int lowest, int highest) const;
  /// A scalar for all layers or an array with one entry per layer; absent: `otherwise`.
  std::vector<int> per_layer_or(std::string_view key, int otherwise) const;
  /// An array of `size` numbers from 0 on; required.
  std::vector<int> list(std::string_view key, std::size_t size) const;
  /// "attention.layer_norm_rms_epsilon" or "attention.layer_norm_epsilon"; required.
  float rms_eps() const { return epsilon("attention.layer_norm_rms_epsilon"); }
  float norm_eps() const { return epsilon("attention.layer_norm_epsilon"); }

  // Tensors. `name` is complete ("blk.3.attn_q.weight").
  bool has_tensor(std::string_view name) const { return file_.find_tensor(name) != nullptr; }
  /// A matrix of `rows` outputs and `cols` inputs, prepared for the device.
  compute::Weight matrix(const std::string& name, std::int64_t rows, std::int64_t cols);
  compute::Weight optional_matrix(const std::string& name, std::int64_t rows, std::int64_t cols);
  /// A matrix of which single rows are looked up; not prepared for products.
  compute::Weight table(const std::string& name, std::int64_t rows, std::int64_t cols);
  /// Rows [first, first + rows) of a matrix that stacks several.
  compute::Weight part(const std::string& name, const compute::Weight& whole, std::int64_t first,
                       std::int64_t rows);
  compute::Weight experts(const std::string& name, std::int64_t count, std::int64_t rows,
                          std::int64_t cols);
  const float* vector(const std::string& name, std::int64_t size);
  const float* optional_vector(const std::string& name, std::int64_t size);

  /// Keeps values that a family computed for as long as the model lives.
  const float* own(std::vector<float> values) {
    return keep(std::move(values), compute::Device::kEverywhere);
  }

  /// The matrices that products were asked for so far, whole, and the table of tokens.
  const std::vector<NamedWeight>& matrices() const { return matrices_; }
  const compute::Weight& token_table() const { return token_table_; }
  /// The f32 copies made so far; the model keeps them.
  std::deque<std::vector<float>> take_floats() { return std::move(floats_); }
  std::int64_t weight_bytes() const { return static_cast<std::int64_t>(file_.data_bytes()); }

 private:
  void read_hyper();
  void read_head_dims();
  int read_vocabulary_size() const;
  float epsilon(std::string_view key) const;
  enum class Use : std::uint8_t { product, lookup };
  compute::Weight weight(const std::string& name, std::initializer_list<std::int64_t> shape,
                         Use use = Use::product);
  void prepare(const std::string& name, compute::Weight& weight);
  void note(const std::string& name, const compute::Weight& weight);
  const float* keep(std::vector<float> values, int layer);
  const float* scales(const std::string& weight_name, std::int64_t count);
  void report_progress(std::int64_t bytes);

  const gguf::File& file_;
  compute::Device& device_;
  const LoadOptions& options_;
  std::string architecture_;
  Hyper hyper_;
  std::deque<std::vector<float>> floats_;
  std::vector<NamedWeight> matrices_;
  compute::Weight token_table_;
  std::int64_t bytes_done_ = 0;
  bool causal_by_default_ = true;
};

}  // namespace llm
