// Cost of reading replies, per byte, fed token by token.
#include <benchmark/benchmark.h>

#include <string>

#include "base/json.h"
#include "chat/format.h"

namespace llm {
namespace {

constexpr std::size_t kPiece = 4;  // bytes, about a token

std::string repeated(const char* text, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) all += text;
  return all;
}

void run(benchmark::State& state, const char* format_name, const std::string& text) {
  const auto format = chat::find_format(format_name);
  chat::ReplySettings settings;
  settings.tools = Json::parse(R"([{"type": "function", "function": {"name": "f", "parameters":
      {"properties": {"a": {"type": "string"}, "b": {"type": "array"}}}}}])");
  for (auto _ : state) {
    const auto parser = format->parser(settings);
    for (std::size_t at = 0; at < text.size(); at += kPiece)
      benchmark::DoNotOptimize(parser->feed(std::string_view(text).substr(at, kPiece)));
    benchmark::DoNotOptimize(parser->finish(true));
  }
  // Shown as time per byte.
  state.counters["per_byte"] = benchmark::Counter(
      static_cast<double>(text.size()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

constexpr const char* kProse = "The quick brown fox <b>jumps</b> over\nthe lazy dog; ";
constexpr std::size_t kLong = 64'000;

void Content(benchmark::State& state) {
  run(state, "hermes", repeated(kProse, static_cast<std::size_t>(state.range(0))));
}
void Reasoning(benchmark::State& state) {
  run(state, "hermes", "<think>\n" + repeated(kProse, kLong));
}
void JsonArguments(benchmark::State& state) {
  run(state, "hermes",
      "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"" + repeated("x = f(1)\\n", kLong) +
          "\"}}\n</tool_call>");
}
void TagParameters(benchmark::State& state) {
  run(state, "qwen3-coder",
      "<tool_call>\n<function=f>\n<parameter=a>\n" + repeated("x = f(1)\n", kLong) +
          "\n</parameter>\n</function>\n</tool_call>");
}
void PythonCalls(benchmark::State& state) {
  run(state, "lfm2",
      "<|tool_call_start|>[f(a='" + repeated("x = f(1)\\n", kLong) + "')]<|tool_call_end|>");
}

BENCHMARK(Content)->Arg(1'000)->Arg(64'000)->Arg(1'000'000);
BENCHMARK(Reasoning);
BENCHMARK(JsonArguments);
BENCHMARK(TagParameters);
BENCHMARK(PythonCalls);

}  // namespace
}  // namespace llm

BENCHMARK_MAIN();
