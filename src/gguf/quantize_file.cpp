#include "gguf/quantize_file.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gguf/reader.h"
#include "gguf/writer.h"
#include "quant/file_type.h"

namespace llm::gguf {
namespace {

using quant::Type;

constexpr std::int64_t kPieceBytes = std::int64_t{16} << 20;  // quantised at once, then written

/// What an importance file says: sums of squared activations of a weight's columns.
class Importance {
 public:
  /// An empty path: nothing is known.
  explicit Importance(const std::string& path) {
    if (path.empty()) return;
    file_.emplace(File::open(path));
    const auto type = file_->metadata().get_or<std::string>("general.type", "");
    if (type != "imatrix") fail("{}: general.type is '{}', 'imatrix' is expected", path, type);
  }

  /// Of the columns of all matrices of a tensor, [matrices, columns]; empty when unknown.
  std::vector<float> of(const TensorInfo& tensor) const {
    if (!file_) return {};
    const TensorInfo* sums = file_->find_tensor(tensor.name + ".in_sum2");
    const TensorInfo* counts = file_->find_tensor(tensor.name + ".counts");
    if (!sums || !counts) return {};
    const std::int64_t cols = tensor.shape.back();
    const std::int64_t matrices = tensor.shape.size() == 3 ? tensor.shape.front() : 1;
    if (sums->type != Type::f32 || counts->type != Type::f32 ||
        sums->elements() != cols * matrices || counts->elements() != matrices) {
      fail("{}: the importance of '{}' does not fit its {} columns", file_->path(), tensor.name,
           cols);
    }
    std::vector<float> out(static_cast<std::size_t>(sums->elements()));
    std::memcpy(out.data(), sums->bytes.data(), sums->bytes.size());
    for (std::int64_t m = 0; m < matrices; ++m) {
      float count = 0;
      std::memcpy(&count, counts->bytes.data() + m * 4, 4);
      for (std::int64_t c = m * cols; c < (m + 1) * cols; ++c) {
        float& value = out[static_cast<std::size_t>(c)];
        value = count > 0 ? value / count : 1;  // an expert that was never used
        if (!(value >= 0) || !std::isfinite(value))
          fail("{}: the importance of '{}' is {}", file_->path(), tensor.name, value);
      }
    }
    return out;
  }

 private:
  std::optional<File> file_;
};

struct Step {
  const TensorInfo* tensor;
  Type wanted;
  Type to;
};

bool is_plain_float(Type type) {
  return type == Type::f32 || type == Type::f16 || type == Type::bf16 || type == Type::f64;
}

const quant::FileType& file_type_of(const std::string& name) {
  const quant::FileType* type = quant::find_file_type(name);
  if (!type) fail("type '{}' is not known; see --help", name);
  if (type->base == Type::nvfp4)
    fail("type NVFP4 needs a factor for each tensor, which this program does not make");
  return *type;
}

/// The type that an option names for one tensor.
std::optional<Type> type_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const quant::Traits* traits = quant::find_traits(name);
  if (!traits) fail("tensor type '{}' is not known", name);
  return traits->type;
}

quant::ModelFacts facts_of(const File& file) {
  const Metadata& m = file.metadata();
  const auto arch = m.get_or<std::string>("general.architecture", "");
  const auto number = [&](std::string_view part) -> int {
    const std::string key = fmt::format("{}.{}", arch, part);
    const Value* value = m.find(key);
    if (!value) return 0;
    if (value->type() != ValueType::array) return m.need<std::int32_t>(key);
    const auto values = m.need<std::vector<std::int32_t>>(key);  // one for each layer
    return values.empty() ? 0 : *std::ranges::max_element(values);
  };
  quant::ModelFacts facts;
  facts.layers = number("block_count");
  facts.heads = number("attention.head_count");
  facts.kv_heads = number("attention.head_count_kv");
  facts.experts = number("expert_count");
  facts.has_output = file.find_tensor("output.weight") != nullptr;
  return facts;
}

class Job {
 public:
  Job(const std::string& source, const QuantizeOptions& options)
      : options_(options),
        file_type_(file_type_of(options.file_type)),
        output_type_(type_of(options.output_type)),
        embedding_type_(type_of(options.embedding_type)),
        importance_(options.imatrix),
        file_(File::open(source)),
        facts_(facts_of(file_)) {
    for (const TensorInfo& tensor : file_.tensors()) steps_.push_back(plan(tensor));
  }

  QuantizeResult run(const std::string& target,
                     const std::function<void(const TensorStep&)>& progress);

 private:
  Step plan(const TensorInfo& tensor) const;
  Metadata metadata() const;
  void convert(const Step& step, Writer& writer) const;

  const QuantizeOptions& options_;
  const quant::FileType& file_type_;
  std::optional<Type> output_type_, embedding_type_;
  Importance importance_;
  File file_;
  quant::ModelFacts facts_;
  std::vector<Step> steps_;
};

Step Job::plan(const TensorInfo& tensor) const {
  const Step keep{&tensor, tensor.type, tensor.type};
  if (!quant::is_quantizable(tensor.name, tensor.shape)) return keep;
  if (options_.keep_output && tensor.name == "output.weight") return keep;
  Type wanted = options_.pure ? file_type_.base
                              : quant::mixed_type(file_type_, tensor.name, tensor.shape, facts_);
  if (tensor.name == "output.weight" && output_type_) wanted = *output_type_;
  if (tensor.name == "token_embd.weight" && embedding_type_) wanted = *embedding_type_;
  const Type to = quant::fitting(wanted, tensor.shape.back());
  if (to == tensor.type) return {&tensor, wanted, to};
  if (!quant::traits(tensor.type).dequantize) return keep;  // integers
  if (!quant::traits(to).quantize) {
    fail("tensor '{}' would become {}, for which there is no quantiser", tensor.name,
         quant::traits(to).name);
  }
  if (quant::needs_importance(to) && importance_.of(tensor).empty()) {
    fail("tensor '{}' would become {}, which needs the importance of its columns (--imatrix)",
         tensor.name, quant::traits(to).name);
  }
  if (!is_plain_float(tensor.type) && !options_.allow_requantize) {
    fail("tensor '{}' is quantised already ({}); take the original, or --allow-requantize",
         tensor.name, quant::traits(tensor.type).name);
  }
  return {&tensor, wanted, to};
}

Metadata Job::metadata() const {
  Metadata m;
  for (const auto& [key, value] : file_.metadata().entries())
    if (!key.starts_with("split.")) m.set(key, value);
  m.set("general.quantization_version", {std::uint32_t{2}});
  m.set("general.file_type", {file_type_.number});
  return m;
}

/// Calls work(row) for every row from `first` to `last` on several threads; the first exception of
/// any ends the work and is thrown here.
template <class MakeWorker>
void for_rows(std::int64_t first, std::int64_t last, int threads, MakeWorker make_worker) {
  std::atomic<std::int64_t> next = first;
  std::exception_ptr failure;
  std::mutex mutex;
  const auto body = [&] {
    try {
      auto work = make_worker();
      for (std::int64_t row = next++; row < last; row = next++) work(row);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
      next = last;
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < threads; ++i) helpers.emplace_back(body);
    body();
  }
  if (failure) std::rethrow_exception(failure);
}

void Job::convert(const Step& step, Writer& writer) const {
  const TensorInfo& tensor = *step.tensor;
  if (step.to == tensor.type) {
    writer.write_tensor(tensor.bytes);
    return;
  }
  const quant::Traits& from = quant::traits(tensor.type);
  const quant::Traits& to = quant::traits(step.to);
  const std::int64_t cols = tensor.shape.back();
  const std::int64_t rows = tensor.elements() / cols;
  const std::int64_t source_bytes = quant::row_bytes(tensor.type, cols);
  const std::int64_t target_bytes = quant::row_bytes(step.to, cols);
  const std::int64_t at_once = std::clamp<std::int64_t>(kPieceBytes / target_bytes, 1, rows);
  const std::vector<float> importance = importance_.of(tensor);
  const std::int64_t matrix_rows = tensor.shape[tensor.shape.size() - 2];
  const auto importance_at = [&](std::int64_t row) {
    return importance.empty() ? nullptr : importance.data() + row / matrix_rows * cols;
  };
  std::vector<std::byte> piece(static_cast<std::size_t>(at_once * target_bytes));
  for (std::int64_t first = 0; first < rows; first += at_once) {
    const std::int64_t last = std::min(rows, first + at_once);
    for_rows(first, last, options_.threads, [&] {
      return [&, values =
                     std::vector<float>(static_cast<std::size_t>(cols))](std::int64_t row) mutable {
        from.dequantize(tensor.bytes.data() + row * source_bytes, values.data(), cols);
        for (const float v : values)
          if (!std::isfinite(v)) fail("tensor '{}', row {}: a value is {}", tensor.name, row, v);
        to.quantize(values.data(), piece.data() + (row - first) * target_bytes, cols,
                    importance_at(row));
      };
    });
    writer.write_part(
        std::span(piece).first(static_cast<std::size_t>((last - first) * target_bytes)));
  }
}

QuantizeResult Job::run(const std::string& target,
                        const std::function<void(const TensorStep&)>& progress) {
  std::vector<TensorPlan> plans;
  for (const Step& step : steps_) plans.push_back({step.tensor->name, step.to, step.tensor->shape});
  Writer writer(target, metadata(), std::move(plans));
  QuantizeResult result;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const TensorInfo& tensor = *step.tensor;
    TensorInfo after = tensor;
    after.type = step.to;
    const TensorStep report{.number = i,
                            .count = steps_.size(),
                            .name = tensor.name,
                            .shape = tensor.shape,
                            .from = tensor.type,
                            .to = step.to,
                            .wanted = step.wanted,
                            .bytes_before = tensor.byte_size(),
                            .bytes_after = after.byte_size()};
    if (progress) progress(report);
    convert(step, writer);
    result.bytes_before += report.bytes_before;
    result.bytes_after += report.bytes_after;
    result.misfits += step.wanted != step.to;
  }
  writer.finish();
  return result;
}

}  // namespace

QuantizeResult quantize_file(const std::string& source, const std::string& target,
                             const QuantizeOptions& options,
                             const std::function<void(const TensorStep&)>& progress) {
  std::error_code ignored;
  if (std::filesystem::equivalent(source, target, ignored))
    fail("'{}' is the source and the target; give another target", source);
  return Job(source, options).run(target, progress);
}

}  // namespace llm::gguf
