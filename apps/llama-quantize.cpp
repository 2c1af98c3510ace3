// Makes a quantised copy of a GGUF model.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "base/error.h"
#include "gguf/quantize_file.h"
#include "quant/file_type.h"

namespace {

using llm::gguf::TensorStep;

constexpr const char* kAbout =
    "Makes a quantised copy of a GGUF model. Matrices get the type, except where a mix (Q4_K_M, "
    "Q3_K_L, ...) gives some of them more or fewer bits; norms, biases and other small tensors are "
    "kept. Rows that are not whole blocks of the type get a related type, or F16.";

std::string type_help() {
  std::string text = "The new type:";
  for (const auto& type : llm::quant::file_types())
    if (llm::quant::traits(type.base).quantize && type.name != "NVFP4")
      text += fmt::format(" {}", type.name);
  return text;
}

double mib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

void show(const TensorStep& step) {
  const auto name = [](llm::quant::Type type) { return llm::quant::traits(type).name; };
  fmt::print("[{:4}/{:4}] {:<36} [{}] ", step.number + 1, step.count, step.name,
             fmt::join(step.shape, ", "));
  if (step.from == step.to) {
    fmt::print("{} kept, {:.2f} MiB", name(step.from), mib(step.bytes_before));
  } else {
    fmt::print("{} -> {}, {:.2f} -> {:.2f} MiB", name(step.from), name(step.to),
               mib(step.bytes_before), mib(step.bytes_after));
  }
  if (step.wanted != step.to)
    fmt::print(" (rows of {} do not fit {})", step.shape.back(), name(step.wanted));
  fmt::print("\n");
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  std::string source, target;
  llm::gguf::QuantizeOptions options;
  options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  CLI::App app(kAbout);
  app.add_option("source", source, "Model to read (the first file of a split one)")->required();
  app.add_option("target", target, "File to write")->required();
  app.add_option("type", options.file_type, type_help())->required();
  app.add_option("threads,-t,--threads", options.threads, "Threads to work with")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--pure", options.pure, "All matrices get the same type: no mix");
  app.add_flag("--leave-output-tensor", options.keep_output, "Keep output.weight as it is");
  app.add_flag("--allow-requantize", options.allow_requantize,
               "Accept a source that is quantised already (loses more than quantising once)");
  app.add_option("--imatrix", options.imatrix,
                 "File with the importance of columns (GGUF, general.type imatrix)");
  app.add_option("--output-tensor-type", options.output_type, "Type of output.weight");
  app.add_option("--token-embedding-type", options.embedding_type, "Type of token_embd.weight");
  CLI11_PARSE(app, argc, argv);

  const auto result = llm::gguf::quantize_file(source, target, options, show);
  fmt::print("tensors: {:.2f} MiB -> {:.2f} MiB\n", mib(result.bytes_before),
             mib(result.bytes_after));
  if (result.misfits > 0)
    fmt::print("{} tensors have rows that do not fit their type and got another\n", result.misfits);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "llama-quantize: {}\n", error.what());
    return 1;
  }
}
