// Time of one sampling step, over vocabulary sizes and common settings.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "sampling/sampling.h"

namespace llm {
namespace {

/// A wide bulk and a few high logits, as models give them.
std::vector<float> model_like_logits(std::size_t n, std::uint32_t seed) {
  std::vector<float> logits(n);
  std::uint32_t state = seed * 2654435761u + 1;
  const auto next = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / 16777216.0f;
  };
  for (float& z : logits) z = 2 * (next() + next() + next() + next() - 2);
  for (int i = 0; i < 30; ++i) logits[static_cast<std::size_t>(next() * n)] = 4 + 8 * next();
  return logits;
}

void run(benchmark::State& state, SamplingParams params) {
  params.seed = 1;
  Sampler sampler(params);
  std::vector<std::vector<float>> steps;
  for (std::uint32_t i = 0; i < 8; ++i)
    steps.push_back(model_like_logits(static_cast<std::size_t>(state.range(0)), i));
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.sample(steps[i++ % steps.size()]).token);
}

void Default(benchmark::State& state) {
  run(state, {});
}
void Greedy(benchmark::State& state) {
  run(state, {.temperature = 0});
}
void Penalties(benchmark::State& state) {
  run(state, {.repeat_penalty = 1.1f});
}
void Dry(benchmark::State& state) {
  run(state, {.dry_multiplier = 0.8f});
}
void TopPOnly(benchmark::State& state) {
  run(state, {.top_k = 0, .min_p = 0});
}
void MinPOnly(benchmark::State& state) {
  run(state, {.top_k = 0, .top_p = 1});
}
void WholeVocabulary(benchmark::State& state) {
  run(state, {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0});
}
void LogProbabilities(benchmark::State& state) {
  run(state, {.n_probs = 5});
}
void Mirostat2(benchmark::State& state) {
  run(state, {.mirostat = 2});
}
void TypicalOnly(benchmark::State& state) {
  run(state, {.top_k = 0, .top_p = 1, .min_p = 0, .typical_p = 0.9f});
}

BENCHMARK(Default)->Arg(32000)->Arg(128256)->Arg(262144)->Unit(benchmark::kMicrosecond);
BENCHMARK(Greedy)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(Penalties)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(Dry)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(TopPOnly)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(MinPOnly)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(WholeVocabulary)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(LogProbabilities)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(Mirostat2)->Arg(128256)->Unit(benchmark::kMicrosecond);
BENCHMARK(TypicalOnly)->Arg(128256)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace llm

BENCHMARK_MAIN();
