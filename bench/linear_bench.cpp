// Speed of products against what the machine can do.
//
//   linear_bench [--rows N] [--cols N] [--isa NAME] [--threads 1,2] [--tokens 1,512]
//                [--seconds S] [TYPE...]
//
// Few tokens: GB/s of weights read from memory (a working set beyond the caches), and the share of
// plain reading. Many: 1e9 multiply-accumulates per second, and the share of the integer (or f32)
// peak. The roofline is measured beside each group of numbers, since shared machines drift.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "compute/cpu/linear.h"
#include "roofline.h"

namespace llm::bench {
namespace {

using compute::Linear;
using compute::Tensor;
using compute::ThreadPool;
using compute::Weight;

struct Options {
  std::int64_t rows = 5632, cols = 2048;
  std::string isa;
  double seconds = 3;  // for each number
  std::vector<int> threads = {1, 2};
  std::vector<int> tokens = {1, 4, 8, 512};
  std::vector<std::string> types = {"q4_0", "q4_k", "q8_0", "q6_k", "f16"};
};

constexpr std::int64_t kWorkingSet = 600'000'000;  // bytes; beyond any cache
constexpr int kFewTokens = 16;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Bytes that are sane in every place of every format: no scale is infinite, subnormal or NaN.
std::vector<std::byte> plausible_bytes(std::int64_t count) {
  std::vector<std::byte> bytes(count);
  std::mt19937_64 random(1);
  for (std::int64_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(0x20 | (random() & 0x1f));
  return bytes;
}

struct Case {
  const Options& options;
  const quant::Traits& type;
  const std::vector<std::byte>& memory;
};

struct Result {
  double seconds;  // of one product, the best of several
  double roof;     // GB/s or 1e9 multiply-accumulates per second
};

/// Product and roofline take turns, and the best of each counts: neighbours on a shared machine
/// then disturb both alike.
Result best_of(const Case& c, std::string_view isa, int threads, int tokens) {
  ThreadPool pool(threads);
  compute::cpu::LinearEngine engine(pool, c.options.isa);
  Weight weight{.type = c.type.type, .rows = c.options.rows, .cols = c.options.cols};
  const std::int64_t bytes = weight.rows * weight.row_bytes();
  const bool few = tokens <= kFewTokens;
  const std::int64_t copies = few ? std::max<std::int64_t>(kWorkingSet / bytes, 1) : 1;
  std::vector<float> x(tokens * weight.cols), y(tokens * weight.rows);
  std::mt19937 random(2);
  for (float& value : x) value = std::normal_distribution<float>()(random);
  const Linear product{&weight, nullptr, Tensor{y.data(), tokens, weight.rows}};
  Result best{1e9, 0};
  double total = 0;
  for (int repeat = 0; repeat < 40 && (repeat < 5 || total < c.options.seconds); ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < copies; ++i) {
      weight.data = c.memory.data() + i * bytes;
      engine.linear({x.data(), tokens, weight.cols}, {&product, 1}, threads);
    }
    const double seconds = seconds_since(begin);
    best.seconds = std::min(best.seconds, seconds / static_cast<double>(copies));
    const double roof = few                        ? read_bandwidth(threads)
                        : c.type.block_length == 1 ? f32_peak(threads, isa)
                                                   : int8_peak(threads, isa);
    best.roof = std::max(best.roof, roof);
    total += seconds_since(begin);
  }
  return best;
}

void measure(const Case& c, std::string_view isa) {
  const double weights = static_cast<double>(c.options.rows * c.options.cols);
  const double bytes = weights / c.type.block_length * c.type.block_bytes;
  for (const int threads : c.options.threads) {
    for (const int tokens : c.options.tokens) {
      const Result best = best_of(c, isa, threads, tokens);
      const bool few = tokens <= kFewTokens;
      const double rate = 1e-9 * (few ? bytes : weights * tokens) / best.seconds;
      std::printf("%-8s %d threads %4d tokens: %6.1f %s, %3.0f %% of %5.1f   (%.1f us)\n",
                  std::string(c.type.name).c_str(), threads, tokens, rate, few ? "GB/s" : "GMAC/s",
                  100 * rate / best.roof, best.roof, 1e6 * best.seconds);
      std::fflush(stdout);
    }
  }
}

std::vector<int> numbers(const char* list) {
  std::vector<int> values;
  for (const char* p = list; *p != 0; p += *p == ',') {
    char* end;
    values.push_back(static_cast<int>(std::strtol(p, &end, 10)));
    if (end == p) fail("'{}' is not a list of numbers", list);
    p = end;
  }
  return values;
}

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string> types;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      types.push_back(word);
      continue;
    }
    if (i + 1 == argc) fail("{} needs a value", word);
    const char* value = argv[++i];
    if (word == "--rows")
      options.rows = std::atoll(value);
    else if (word == "--cols")
      options.cols = std::atoll(value);
    else if (word == "--seconds")
      options.seconds = std::atof(value);
    else if (word == "--isa")
      options.isa = value;
    else if (word == "--threads")
      options.threads = numbers(value);
    else if (word == "--tokens")
      options.tokens = numbers(value);
    else
      fail("unknown option {}", word);
  }
  if (!types.empty()) options.types = types;
  return options;
}

void run(const Options& options) {
  ThreadPool pool(1);
  const std::string isa(compute::cpu::LinearEngine(pool, options.isa).isa());
  std::printf("%s, weights [%lld, %lld]\n", isa.c_str(), static_cast<long long>(options.rows),
              static_cast<long long>(options.cols));
  const std::int64_t largest = options.rows * options.cols * 4;
  const std::vector<std::byte> memory = plausible_bytes(std::max(kWorkingSet, largest));
  for (const std::string& name : options.types) {
    const quant::Traits* type = quant::find_traits(name);
    if (!type) fail("unknown type {}", name);
    measure({options, *type, memory}, isa);
  }
}

}  // namespace
}  // namespace llm::bench

int main(int argc, char** argv) {
  try {
    llm::bench::run(llm::bench::parse(argc, argv));
  } catch (const llm::Error& error) {
    std::fprintf(stderr, "linear_bench: %s\n", error.what());
    return 1;
  }
}
