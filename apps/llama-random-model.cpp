// Writes a model with random weights: for benchmarks and tests without downloads.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/error.h"
#include "gguf/random_model.h"
#include "quant/file_type.h"

namespace {

using llm::gguf::RandomModel;

std::string preset_help() {
  std::string text = "Sizes to begin with; other options change them:";
  for (const auto& preset : llm::gguf::random_model_presets())
    text += fmt::format("\n  {:<12} {}", preset.name, preset.about);
  return text;
}

std::string type_help() {
  std::string text = "Quantisation of the matrices, with the mix of that name:";
  for (const auto& type : llm::quant::file_types()) text += fmt::format(" {}", type.name);
  return text;
}

/// The preset must be known before the options that change it are read.
RandomModel start_from(int argc, char** argv) {
  std::string name = "tiny";
  for (int i = 1; i + 1 < argc; ++i)
    if (std::string_view(argv[i]) == "--preset") name = argv[i + 1];
  for (const auto& preset : llm::gguf::random_model_presets())
    if (preset.name == name) return preset.model;
  llm::fail("--preset: '{}' is not known; see --help", name);
}

void show_progress(std::size_t number, std::size_t count, std::string_view name) {
  std::fprintf(stderr, "[%4zu/%4zu] %.*s\n", number + 1, count, static_cast<int>(name.size()),
               name.data());
}

int run(int argc, char** argv) {
  RandomModel model = start_from(argc, argv);
  std::string preset, out;
  bool quiet = false;
  CLI::App app("Writes a GGUF model with random weights and a made-up vocabulary.");
  app.add_option("--preset", preset, preset_help());
  app.add_option("--arch", model.arch, "llama, qwen2, qwen3, gemma3 or qwen3moe");
  app.add_option("--type", model.file_type, type_help());
  app.add_option("--layers", model.layers, "Number of layers");
  app.add_option("--width", model.width, "Width of the model (embedding length)");
  app.add_option("--heads", model.heads, "Query heads");
  app.add_option("--kv-heads", model.kv_heads, "Key/value heads");
  app.add_option("--head-dim", model.head_dim, "Width of a head");
  app.add_option("--ffn", model.ffn, "Width of the feed-forward part");
  app.add_option("--vocab", model.vocab, "Tokens of the vocabulary, at least 259");
  app.add_option("--experts", model.experts, "Experts of a layer (qwen3moe)");
  app.add_option("--experts-used", model.experts_used, "Experts used for a token");
  app.add_option("--expert-ffn", model.expert_ffn, "Width of an expert");
  app.add_option("--context", model.context, "Context length that the model claims");
  app.add_option("--window", model.window, "Sliding window (gemma3)");
  app.add_option("--tied", model.tied, "Use token_embd as the output matrix (true or false)");
  app.add_option("--lora", model.lora_rank,
                 "Write a LoRA adapter of this rank for the model instead of the model");
  app.add_option("--seed", model.seed, "Equal seeds and sizes give equal files");
  app.add_flag("-q,--quiet", quiet, "No progress");
  app.add_option("-o,--output", out, "File to write")->required();
  CLI11_PARSE(app, argc, argv);
  llm::gguf::write_random_model(model, out, quiet ? nullptr : show_progress);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama-random-model: %s\n", error.what());
    return 1;
  }
}
