#include "model/adapter.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <string_view>

#include "base/error.h"
#include "model/tensor_layer.h"

namespace llm {
namespace {

constexpr std::string_view kFirst = ".lora_a", kSecond = ".lora_b";
constexpr std::string_view kEmbedding = "token_embd.weight";

std::uint64_t next_uid() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

std::string sizes(const compute::Weight& w) {
  return w.count > 1 ? fmt::format("[{}, {}, {}]", w.count, w.rows, w.cols)
                     : fmt::format("[{}, {}]", w.rows, w.cols);
}

void need_text(const gguf::File& file, const char* key, std::string_view wanted) {
  const auto found = file.metadata().get<std::string>(key);
  if (found == wanted) return;
  fail("{}: key '{}' is {} where an adapter of this model has '{}'", file.path(), key,
       found ? "'" + *found + "'" : "missing", wanted);
}

}  // namespace

Adapter::Adapter(const std::string& path, const std::string& architecture,
                 const std::vector<NamedWeight>& matrices, const compute::Weight& embedding,
                 compute::Device& device)
    // Read, not mapped: a file that is replaced while the server runs changes nothing.
    : file_(gguf::File::open(path, {.use_mmap = false})), uid_(next_uid()) {
  info_.path = path;
  info_.bytes = static_cast<std::int64_t>(file_.data_bytes());
  read_keys(architecture);
  std::set<std::string> names;
  for (const gguf::TensorInfo& tensor : file_.tensors()) {
    const std::string_view name = tensor.name;
    if (name.ends_with("_norm.weight")) continue;
    if (!name.ends_with(kFirst) && !name.ends_with(kSecond)) {
      fail("{}: tensor '{}' is neither '{}' nor '{}' of a matrix; adapters change nothing else",
           path, name, kFirst, kSecond);
    }
    names.emplace(name.substr(0, name.size() - kFirst.size()));
  }
  for (const std::string& name : names) add(name, matrices, embedding, device);
}

void Adapter::read_keys(const std::string& architecture) {
  need_text(file_, "general.type", "adapter");
  need_text(file_, "general.architecture", architecture);
  need_text(file_, "adapter.type", "lora");
  try {
    const gguf::Metadata& keys = file_.metadata();
    alpha_ = keys.get_or<float>("adapter.lora.alpha", 0);
    if (!std::isfinite(alpha_)) fail("key 'adapter.lora.alpha' is not a finite number");
    info_.task_name = keys.get_or<std::string>("adapter.lora.task_name", "");
    info_.prompt_prefix = keys.get_or<std::string>("adapter.lora.prompt_prefix", "");
    constexpr const char* kInvocation = "adapter.alora.invocation_tokens";
    const gguf::Value* tokens = keys.find(kInvocation);
    if (tokens == nullptr) return;
    const auto* list = std::get_if<gguf::Array>(&tokens->value);
    if (list == nullptr || list->type != gguf::ValueType::u32) {
      fail("key '{}' is not an array of u32", kInvocation);
    }
    for (const std::uint32_t token : keys.need<std::vector<std::uint32_t>>(kInvocation)) {
      info_.invocation_tokens.push_back(static_cast<TokenId>(token));
    }
  } catch (const Error& error) {
    fail("{}: {}", file_.path(), error.what());
  }
}

/// A matrix, or a stack of them, whatever its sizes; `device` null: only rows of it are looked up.
compute::Weight Adapter::weight(const std::string& name, bool is_stack,
                                compute::Device* device) const {
  const gguf::TensorInfo* tensor = file_.find_tensor(name);
  if (tensor == nullptr) fail("{}: tensor '{}' is missing", file_.path(), name);
  std::vector<std::int64_t> shape = tensor->shape;
  const std::size_t dimensions = is_stack ? 3 : 2;
  if (shape.size() > dimensions || shape.empty()) {
    fail("{}: tensor '{}' has {} dimensions where {} are needed", file_.path(), name, shape.size(),
         dimensions);
  }
  shape.insert(shape.begin(), 3 - shape.size(), 1);  // files drop outer dimensions of 1
  compute::Weight w{.type = tensor->type,
                    .data = tensor->bytes.data(),
                    .rows = shape[1],
                    .cols = shape[2],
                    .count = shape[0]};
  const quant::Traits& traits = quant::traits(w.type);
  if (traits.dequantize == nullptr) {
    fail("{}: tensor '{}' has the type {}, which cannot be used as a weight", file_.path(), name,
         traits.name);
  }
  if (w.rows * w.cols * w.count == 0) fail("{}: tensor '{}' is empty", file_.path(), name);
  try {
    if (device != nullptr) device->prepare(w, layer_of(name).value_or(compute::Device::kOutput));
  } catch (const Error& error) {
    fail("{}: tensor '{}': {}", file_.path(), name, error.what());
  }
  return w;
}

void Adapter::add(const std::string& base_name, const std::vector<NamedWeight>& matrices,
                  const compute::Weight& embedding, compute::Device& device) {
  const bool is_embedding = base_name == kEmbedding;
  const auto found = std::find_if(matrices.begin(), matrices.end(),
                                  [&](const NamedWeight& m) { return m.name == base_name; });
  if (is_embedding ? !embedding : found == matrices.end()) {
    fail("{}: the model has no matrix '{}' that an adapter could change", file_.path(), base_name);
  }
  const compute::Weight& base = is_embedding ? embedding : found->weight;
  const bool is_stack = base.count > 1;
  const std::string first = base_name + std::string(kFirst),
                    second = base_name + std::string(kSecond);
  Pair pair{.a = weight(first, is_stack, is_embedding ? nullptr : &device),
            .b = weight(second, is_stack, &device)};
  // The embedding's `a` is stored with a row per token, so that one can be looked up.
  const std::int64_t a_wanted = is_embedding ? base.rows : base.cols,
                     a_found = is_embedding ? pair.a.rows : pair.a.cols,
                     b_wanted = is_embedding ? base.cols : base.rows,
                     rank = is_embedding ? pair.a.cols : pair.a.rows;
  if (a_found != a_wanted || pair.b.rows != b_wanted || pair.a.count != base.count ||
      pair.b.count != base.count || pair.b.cols != rank) {
    fail("{}: tensors '{}' {} and '{}' {} do not fit the model's '{}' {} (rows first)",
         file_.path(), first, sizes(pair.a), second, sizes(pair.b), base_name, sizes(base));
  }
  if (alpha_ != 0) pair.factor = alpha_ / static_cast<float>(rank);
  if (is_embedding) {
    embedding_ = pair;
  } else {
    const std::byte* end = base.data + base.rows * base.count * base.row_bytes();
    changes_[base.data] = {end, pair};
  }
}

Adapter::Pair Adapter::find(const compute::Weight& base) const {
  auto after = changes_.upper_bound(base.data);
  if (after == changes_.begin()) return {};
  const auto& [begin, change] = *std::prev(after);
  if (base.data >= change.end) return {};
  Pair pair = change.pair;
  if (pair.b.count > 1) return pair;
  // Some rows of a fused matrix, such as q of q, k, v.
  pair.b = pair.b.slice((base.data - begin) / base.row_bytes(), base.rows);
  return pair;
}

}  // namespace llm
