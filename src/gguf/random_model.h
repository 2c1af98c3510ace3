// Models with random weights: right in every tensor and key of their family, of any size, made in
// seconds. For benchmarks and tests that must not need a download.
// Start reading at write_random_model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace llm::gguf {

struct RandomModel {
  std::string arch = "llama";  // llama, qwen2, qwen3, gemma3, qwen3moe
  int layers = 2;
  int width = 256;
  int heads = 4;
  int kv_heads = 2;
  int head_dim = 64;
  int ffn = 512;  // of dense layers; qwen3moe only states it
  int vocab = 512;
  int experts = 0;  // qwen3moe
  int experts_used = 0;
  int expert_ffn = 0;
  int context = 4096;
  int window = 0;                  // gemma3's sliding window; 0: 512
  bool tied = false;               // the output matrix is token_embd; always so in gemma3
  std::string file_type = "Q8_0";  // a name of quant::file_types()
  std::uint64_t seed = 1;
  /// Above 0: not the model but a LoRA adapter of that rank for it, for every matrix of its layers.
  int lora_rank = 0;
};

struct RandomModelPreset {
  std::string_view name;
  std::string_view about;
  RandomModel model;
};

const std::vector<RandomModelPreset>& random_model_presets();
std::vector<std::string_view> random_model_families();

/// Called before each tensor with its number (from 0), the count, and its name.
using TensorProgress = std::function<void(std::size_t, std::size_t, std::string_view)>;

/// Throws Error for sizes that no model can have. Matrices are normally distributed with a
/// deviation near 1 / sqrt(columns), norms lie around 1. Rows that the type does not fit get
/// another type, as quant::fitting says.
void write_random_model(const RandomModel& model, const std::string& path,
                        const TensorProgress& progress = {});

}  // namespace llm::gguf
