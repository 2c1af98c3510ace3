#include "model/reader.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "model/tensor_layer.h"

namespace llm {
namespace {

constexpr int kMaxLayers = 512, kMaxExperts = 512;
constexpr int kMaxDim = 1 << 24;  // no width of any model is near; keeps products of sizes in range

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  }
  return text + "]";
}

/// Files drop outer dimensions of 1.
std::span<const std::int64_t> without_leading_ones(std::span<const std::int64_t> shape) {
  while (!shape.empty() && shape.front() == 1) shape = shape.subspan(1);
  return shape;
}

void check_shape(const gguf::TensorInfo& tensor, std::span<const std::int64_t> expected) {
  if (!std::ranges::equal(without_leading_ones(tensor.shape), without_leading_ones(expected))) {
    fail("tensor '{}' has the shape {} where {} is needed (rows first)", tensor.name,
         shape_text(tensor.shape), shape_text(expected));
  }
}

void check_type(const gguf::TensorInfo& tensor) {
  const quant::Traits& traits = quant::traits(tensor.type);
  if (traits.dequantize == nullptr) {
    fail("tensor '{}' has the type {}, which cannot be used as a weight", tensor.name, traits.name);
  }
}

}  // namespace

ModelReader::ModelReader(const gguf::File& file, compute::Device& device,
                         const LoadOptions& options)
    : file_(file),
      device_(device),
      options_(options),
      architecture_(file.metadata().need<std::string>("general.architecture")) {
  read_hyper();
}

std::string ModelReader::full_key(std::string_view key) const {
  return fmt::format("{}.{}", architecture_, key);
}

std::string ModelReader::string_or(std::string_view key, std::string otherwise) const {
  return file_.metadata().get_or<std::string>(full_key(key), std::move(otherwise));
}

float ModelReader::number(std::string_view key) const {
  const auto value = file_.metadata().need<float>(full_key(key));
  if (!std::isfinite(value)) fail("key '{}' is {}, not a finite number", full_key(key), value);
  return value;
}

float ModelReader::number_or(std::string_view key, float otherwise) const {
  return has(key) ? number(key) : otherwise;
}

bool ModelReader::flag_or(std::string_view key, bool otherwise) const {
  return file_.metadata().get_or<bool>(full_key(key), otherwise);
}

int ModelReader::count(std::string_view key, int lowest, int highest) const {
  const auto value = file_.metadata().need<std::int64_t>(full_key(key));
  if (value < lowest || value > highest) {
    fail("key '{}' is {}; it must be {} to {}", full_key(key), value, lowest, highest);
  }
  return static_cast<int>(value);
}

int ModelReader::count_or(std::string_view key, int otherwise, int lowest, int highest) const {
  return has(key) ? count(key, lowest, highest) : otherwise;
}

std::vector<int> ModelReader::per_layer_or(std::string_view key, int otherwise) const {
  const auto layers = static_cast<std::size_t>(hyper_.layers);
  const gguf::Value* value = file_.metadata().find(full_key(key));
  if (value == nullptr) return std::vector<int>(layers, otherwise);
  if (value->type() != gguf::ValueType::array) {
    return std::vector<int>(layers, count(key, 0, kMaxDim));
  }
  // Lists may go on for the layers of draft heads.
  const std::size_t entries = std::get<gguf::Array>(value->value).size();
  const auto blocks = static_cast<std::size_t>(count("block_count", 1, kMaxLayers));
  std::vector<int> values = list(key, entries == blocks ? blocks : layers);
  values.resize(layers);
  return values;
}

std::vector<int> ModelReader::list(std::string_view key, std::size_t size) const {
  const auto values = file_.metadata().need<std::vector<std::int32_t>>(full_key(key));
  if (values.size() != size) {
    fail("key '{}' has {} entries where {} are needed", full_key(key), values.size(), size);
  }
  for (const std::int32_t value : values) {
    if (value < 0 || value > kMaxDim) fail("key '{}' holds {}", full_key(key), value);
  }
  return {values.begin(), values.end()};
}

float ModelReader::epsilon(std::string_view key) const {
  const float eps = number(key);
  if (eps < 0) fail("key '{}' is {}; it must not be negative", full_key(key), eps);
  return eps;
}

int ModelReader::read_vocabulary_size() const {
  if (const gguf::Value* tokens = file_.metadata().find("tokenizer.ggml.tokens")) {
    if (const auto* list = std::get_if<gguf::Array>(&tokens->value)) {
      return static_cast<int>(list->size());
    }
    fail("key 'tokenizer.ggml.tokens' is not an array");
  }
  if (has("vocab_size")) return count("vocab_size", 1, kMaxDim);
  if (const gguf::TensorInfo* table = file_.find_tensor("token_embd.weight")) {
    if (table->shape.size() == 2) return static_cast<int>(table->shape[0]);
  }
  fail("the vocabulary's size is unknown: no 'tokenizer.ggml.tokens' and no '{}'",
       full_key("vocab_size"));
}

void ModelReader::read_hyper() {
  Hyper& h = hyper_;
  const int blocks = count("block_count", 1, kMaxLayers);
  h.layers = blocks - count_or("nextn_predict_layers", 0, 0, blocks - 1);
  h.width = count("embedding_length", 1, kMaxDim);
  h.context_train = count("context_length", 1, std::numeric_limits<int>::max());
  h.vocab = read_vocabulary_size();
  h.ffn = per_layer_or("feed_forward_length", 0);
  h.heads = per_layer_or("attention.head_count", 0);
  h.kv_heads = h.heads;
  if (has("attention.head_count_kv")) h.kv_heads = per_layer_or("attention.head_count_kv", 0);
  h.experts = count_or("expert_count", 0, 0, kMaxExperts);
  h.experts_used = count_or("expert_used_count", 0, 0, h.experts);
  if (h.experts > 0 && h.experts_used == 0) {
    fail("key '{}' is missing or 0 in a model with {} experts", full_key("expert_used_count"),
         h.experts);
  }
  read_head_dims();
}

void ModelReader::read_head_dims() {
  Hyper& h = hyper_;
  for (int i = 0; i < h.layers; ++i) {
    const int heads = h.heads[static_cast<std::size_t>(i)];
    const int kv_heads = h.kv_heads[static_cast<std::size_t>(i)];
    if (heads <= 0 || kv_heads <= 0 || heads % kv_heads != 0) {
      fail(
          "layer {} has {} query heads and {} key/value heads ('{}', '{}'): the former must be a "
          "multiple of the latter",
          i, heads, kv_heads, full_key("attention.head_count"),
          full_key("attention.head_count_kv"));
    }
  }
  const int usual = h.width / h.heads[0];
  h.key_dim = count_or("attention.key_length", usual, 1, 4096);
  h.value_dim = count_or("attention.value_length", usual, 1, 4096);
  if (h.key_dim == 0 || h.value_dim == 0) {
    fail("key '{}' is {}, fewer than the {} heads", full_key("embedding_length"), h.width,
         h.heads[0]);
  }
  h.rotated = count_or("rope.dimension_count", h.key_dim, 0, h.key_dim);
  if (h.rotated % 2 != 0) {
    fail("key '{}' is {}; rope turns pairs, so it must be even", full_key("rope.dimension_count"),
         h.rotated);
  }
}

compute::Weight ModelReader::weight(const std::string& name,
                                    std::initializer_list<std::int64_t> shape, Use use) {
  const gguf::TensorInfo* tensor = file_.find_tensor(name);
  if (tensor == nullptr) {
    fail("tensor '{}' {} is missing", name, shape_text({shape.begin(), shape.size()}));
  }
  check_shape(*tensor, {shape.begin(), shape.size()});
  check_type(*tensor);
  const std::int64_t* sizes = shape.begin() + shape.size() - 2;
  compute::Weight w{.type = tensor->type,
                    .data = tensor->bytes.data(),
                    .rows = sizes[0],
                    .cols = sizes[1],
                    .count = shape.size() == 3 ? *shape.begin() : 1};
  w.scale = scales(name, w.count);
  if (use == Use::product) {
    prepare(name, w);
    note(name, w);
  } else if (name == "token_embd.weight") {
    token_table_ = w;
  }
  report_progress(static_cast<std::int64_t>(tensor->bytes.size()));
  return w;
}

void ModelReader::prepare(const std::string& name, compute::Weight& weight) {
  try {
    device_.prepare(weight, layer_of(name).value_or(compute::Device::kOutput));
  } catch (const Error& error) {
    fail("tensor '{}': {}", name, error.what());
  }
}

void ModelReader::note(const std::string& name, const compute::Weight& weight) {
  if (name == "token_embd.weight") return;  // as the output's matrix: adapters change the table
  const auto has_name = [&](const NamedWeight& other) { return other.name == name; };
  if (std::any_of(matrices_.begin(), matrices_.end(), has_name)) return;
  matrices_.push_back({name, weight});
}

compute::Weight ModelReader::part(const std::string& name, const compute::Weight& whole,
                                  std::int64_t first, std::int64_t rows) {
  note(name, whole);
  compute::Weight weight = whole.slice(first, rows);
  prepare(name, weight);
  return weight;
}

/// "<name>.weight" may have a companion "<name>.scale" with a factor per matrix of the stack.
const float* ModelReader::scales(const std::string& weight_name, std::int64_t count) {
  const std::string_view suffix = ".weight";
  if (!weight_name.ends_with(suffix)) return nullptr;
  return optional_vector(weight_name.substr(0, weight_name.size() - suffix.size()) + ".scale",
                         count);
}

compute::Weight ModelReader::matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
  return weight(name, {rows, cols});
}

compute::Weight ModelReader::optional_matrix(const std::string& name, std::int64_t rows,
                                             std::int64_t cols) {
  return has_tensor(name) ? matrix(name, rows, cols) : compute::Weight{};
}

compute::Weight ModelReader::table(const std::string& name, std::int64_t rows, std::int64_t cols) {
  return weight(name, {rows, cols}, Use::lookup);
}

compute::Weight ModelReader::experts(const std::string& name, std::int64_t count, std::int64_t rows,
                                     std::int64_t cols) {
  return weight(name, {count, rows, cols});
}

const float* ModelReader::vector(const std::string& name, std::int64_t size) {
  const gguf::TensorInfo* tensor = file_.find_tensor(name);
  if (tensor == nullptr) fail("tensor '{}' [{}] is missing", name, size);
  // Some tools write per-head lists as matrices; the values are what matters.
  if (tensor->elements() != size) {
    fail("tensor '{}' has the shape {} where {} values are needed", name, shape_text(tensor->shape),
         size);
  }
  check_type(*tensor);
  std::vector<float> values(static_cast<std::size_t>(size));
  quant::traits(tensor->type).dequantize(tensor->bytes.data(), values.data(), size);
  report_progress(static_cast<std::int64_t>(tensor->bytes.size()));
  // Norms and biases outside of the layers may be needed before the first or behind the last.
  return keep(std::move(values), layer_of(name).value_or(compute::Device::kEverywhere));
}

const float* ModelReader::keep(std::vector<float> values, int layer) {
  const std::vector<float>& kept = floats_.emplace_back(std::move(values));
  device_.keep(kept, layer);
  return kept.data();
}

const float* ModelReader::optional_vector(const std::string& name, std::int64_t size) {
  return has_tensor(name) ? vector(name, size) : nullptr;
}

void ModelReader::report_progress(std::int64_t bytes) {
  bytes_done_ += bytes;
  if (!options_.progress) return;
  const auto total = static_cast<float>(std::max<std::int64_t>(1, weight_bytes()));
  const float done = std::min(1.0f, static_cast<float>(bytes_done_) / total);
  if (!options_.progress(done)) fail("loading the model was given up");
}

}  // namespace llm
