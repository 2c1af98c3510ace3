// Writes LoRA adapters and other small GGUF files for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "gguf/writer.h"

namespace llm::test {

/// A file that is gone when the test is over.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& name)
      : path_(testing::TempDir() + std::to_string(getpid()) + "-" + name) {}
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct F32Tensor {
  std::string name;
  std::vector<std::int64_t> shape;  // rows first
  std::vector<float> values;
};

inline void write_gguf(const std::string& path, const gguf::Metadata& keys,
                       const std::vector<F32Tensor>& tensors) {
  std::vector<gguf::TensorPlan> plans;
  for (const F32Tensor& t : tensors) plans.push_back({t.name, quant::Type::f32, t.shape});
  gguf::Writer writer(path, keys, std::move(plans));
  for (const F32Tensor& t : tensors) writer.write_tensor(std::as_bytes(std::span(t.values)));
  writer.finish();
}

inline gguf::Metadata adapter_keys(const std::string& architecture, float alpha) {
  gguf::Metadata keys;
  keys.set("general.type", {std::string("adapter")});
  keys.set("general.architecture", {architecture});
  keys.set("adapter.type", {std::string("lora")});
  keys.set("adapter.lora.alpha", {alpha});
  return keys;
}

inline std::vector<float> random_values(std::int64_t count, float deviation, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = normal(random);
  return values;
}

/// A random pair for a matrix (or stack, or the table of tokens) of that shape, rows first.
inline std::vector<F32Tensor> random_pair(const std::string& base, std::vector<std::int64_t> shape,
                                          std::int64_t rank, std::mt19937& random,
                                          float strength = 0.3f) {
  const std::int64_t cols = shape.back(), rows = shape[shape.size() - 2];
  std::int64_t count = 1;
  std::vector<std::int64_t> a{rank, cols}, b{rows, rank};
  if (base == "token_embd.weight") a = {rows, rank}, b = {cols, rank};
  if (shape.size() == 3) {
    count = shape[0];
    a.insert(a.begin(), count);
    b.insert(b.begin(), count);
  }
  const auto elements = [](const std::vector<std::int64_t>& s) {
    std::int64_t n = 1;
    for (const std::int64_t size : s) n *= size;
    return n;
  };
  const float deviation = 1 / std::sqrt(static_cast<float>(cols));
  return {{base + ".lora_a", a, random_values(elements(a), deviation, random)},
          {base + ".lora_b", b, random_values(elements(b), strength, random)}};
}

}  // namespace llm::test
