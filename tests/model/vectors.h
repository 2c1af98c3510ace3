// Runs the models of ../shared/vectors and compares with the numbers kept beside them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "compute/cuda/make.h"
#include "compute/gpu.h"
#include "compute/reference.h"
#include "gguf/reader.h"
#include "model/model.h"
#include "sanitized.h"
#include "shared_files.h"

namespace llm::test {

using Json = nlohmann::json;
using Logits = std::vector<float>;
using Tokens = std::vector<TokenId>;

inline Json read_json(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

/// All that make_device() knows.
inline constexpr const char* kDevices[] = {"reference",   "portable",    "avx2", "avx512",
                                           "avx512_vnni", "avx512_bf16", "amx",  "neon",
                                           "cuda",        "cuda_on_cpu"};

/// Of a case that is a model's name and a device: what --gtest_filter takes.
template <class Case>
std::string name_on_device(const testing::TestParamInfo<Case>& info) {
  std::string name = std::string(std::get<0>(info.param)) + "_on_" + std::get<1>(info.param);
  std::ranges::replace(name, '-', '_');
  return name;
}

/// "reference", an instruction set of the CPU device, "cuda" for the first GPU, or "cuda_on_cpu":
/// the CUDA device with its kernels on the CPU. Null when this machine or build lacks it.
inline std::unique_ptr<compute::Device> make_device(const std::string& name, int threads = 2) {
  if (name == "reference") return compute::make_reference_device();
  if (name == "cuda_on_cpu") {
    return kCanRunFibres ? compute::cuda::make_cuda_device(0) : nullptr;
  }
  try {
    if (name == "cuda") return compute::make_gpu_device("CUDA0");
    return compute::make_cpu_device({.threads = threads, .batch_threads = threads, .isa = name});
  } catch (const Error&) {
    return nullptr;
  }
}

/// On fibres a family takes a second or more: those that between them use every operation, or all
/// with LLAMA_SOAK=1.
inline bool takes_long(const std::string& device) {
  return device == "cuda_on_cpu" && std::getenv("LLAMA_SOAK") == nullptr;
}
inline bool is_left_out(const std::string& family, const std::string& device) {
  constexpr const char* kEnough[] = {"llama",     "llama-rope-yarn", "qwen3moe",       "gemma3",
                                     "gpt-oss",   "deepseek",        "phi2",           "command-r",
                                     "t5encoder", "modern-bert",     "nomic-bert-moe", "q4_k_m",
                                     "iq2_xxs",   "mxfp4_moe"};
  return takes_long(device) && std::ranges::find(kEnough, family) == std::end(kEnough);
}

/// A loaded model with a cache for a few sequences, each with pages of its own, out of order.
class Runner {
 public:
  static constexpr int kContext = 256;  // as the reference numbers were made

  Runner(const gguf::File& file, std::unique_ptr<compute::Device> device,
         quant::Type key_type = quant::Type::f32, quant::Type value_type = quant::Type::f32,
         int context = kContext, int sequences = 4)
      : device_(std::move(device)),
        model_(Model::load(file, *device_, {.context = context})),
        per_sequence_((context + compute::kPageTokens - 1) / compute::kPageTokens) {
    pool_ =
        device_->make_kv_pool(model_->kv_layout(key_type, value_type), per_sequence_ * sequences);
    pages_.resize(static_cast<std::size_t>(sequences));
    for (int i = 0; i < per_sequence_ * sequences; ++i) {
      // Interleaved, so that neighbours in a sequence are not neighbours in memory.
      pages_[static_cast<std::size_t>(i % sequences)].push_back(compute::PageId{i});
    }
    for (auto& pages : pages_) std::reverse(pages.begin(), pages.end());
  }

  Model& model() { return *model_; }
  compute::KvPool& pool() { return *pool_; }

  BatchSequence slice(int sequence, std::span<const TokenId> tokens, int first_position,
                      Outputs outputs) const {
    return {tokens, first_position, pages_[static_cast<std::size_t>(sequence)], outputs};
  }

  std::vector<Logits> forward(std::span<const BatchSequence> batch) {
    const compute::Tensor t = model_->forward(batch, *pool_);
    std::vector<Logits> rows;
    for (std::int64_t r = 0; r < t.rows; ++r) rows.emplace_back(t.row(r).begin(), t.row(r).end());
    return rows;
  }

  /// Logits after every token of a prompt that is evaluated in one batch.
  std::vector<Logits> prompt(int sequence, const Tokens& tokens) {
    const BatchSequence batch = slice(sequence, tokens, 0, Outputs::all);
    return forward({&batch, 1});
  }

  Logits one(int sequence, TokenId token, int position) {
    const BatchSequence batch = slice(sequence, {&token, 1}, position, Outputs::last);
    return forward({&batch, 1}).front();
  }

  struct Greedy {
    Tokens tokens;
    std::vector<float> logprobs;
    Logits last_logits;
  };

  /// Continues by the most probable token; `logits` are those after the prompt.
  Greedy greedy(int sequence, Logits logits, int position, int count) {
    Greedy g;
    for (int i = 0; i < count; ++i) {
      if (i > 0) logits = one(sequence, g.tokens.back(), position++);
      const auto best = std::max_element(logits.begin(), logits.end());
      double sum = 0;
      for (const float z : logits) sum += std::exp(static_cast<double>(z - *best));
      g.tokens.push_back(static_cast<TokenId>(best - logits.begin()));
      g.logprobs.push_back(static_cast<float>(-std::log(sum)));
    }
    g.last_logits = std::move(logits);
    return g;
  }

 private:
  std::unique_ptr<compute::Device> device_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<compute::KvPool> pool_;
  int per_sequence_;
  std::vector<std::vector<compute::PageId>> pages_;
};

struct Distance {
  double max = 0, squares = 0, reference_squares = 0;
  std::size_t count = 0;

  void add(const Logits& found, const Logits& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double d = static_cast<double>(found[i]) - expected[i];
      // A NaN must not pass for a small distance.
      max = std::isnan(d) ? INFINITY : std::max(max, std::abs(d));
      squares += std::isnan(d) ? INFINITY : d * d;
      reference_squares += static_cast<double>(expected[i]) * expected[i];
      ++count;
    }
  }
  double rms() const { return std::sqrt(squares / static_cast<double>(count)); }
  double nmse() const { return squares / reference_squares; }
};

/// A folder of ../shared/vectors/archs on a device: (folder, device).
class ArchVectors : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  static constexpr double kMaxDifference = 1e-3;  // the tolerance that the vectors' README asks for
  static constexpr double kMaxNmse = 1e-6;

  void SetUp() override {
    const std::string name = std::string("vectors/archs/") + std::get<0>(GetParam());
    LLM_NEED_SHARED(name);
    const std::string folder = shared_dir() / name;
    if (is_left_out(std::get<0>(GetParam()), std::get<1>(GetParam()))) {
      GTEST_SKIP() << "takes long, see LLAMA_SOAK";
    }
    auto device = make_device(std::get<1>(GetParam()));
    if (!device) GTEST_SKIP() << std::get<1>(GetParam()) << " does not run here";
    expected_ = read_json(folder + "/vectors.json");
    file_ = std::make_unique<gguf::File>(gguf::File::open(folder + "/model.gguf"));
    runner_ = std::make_unique<Runner>(*file_, std::move(device));
  }

  std::unique_ptr<gguf::File> file_;
  std::unique_ptr<Runner> runner_;
  Json expected_;
};

}  // namespace llm::test
