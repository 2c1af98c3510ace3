// llama-bench: how fast a model reads prompts and generates, without server or sampling.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cpu_settings.h"
#include "devices.h"
#include "gguf/reader.h"
#include "model/model.h"
#include "options/options.h"

namespace {

using namespace llm;

constexpr const char* kHelp = R"(usage: llama-bench -m MODEL [options]

Measures prompt reading (pp) and generation (tg) of a model and prints tokens per second.

  -m,   --model FILE        model file (GGUF)
  -p,   --n-prompt N,...    prompt lengths to measure (default: 512)
  -n,   --n-gen N,...       tokens to generate (default: 128)
  -d,   --n-depth N,...     tokens already in the context (default: 0)
  -np,  --parallel N,...    sequences that generate at once (default: 1)
  -t,   --threads N,...     threads (default: as many as the process may use)
  -tb,  --threads-batch N   threads that read prompts (default: as -t)
  -C, -Cr, --cpu-strict, --prio, --poll, -Cb, -Crb, --cpu-strict-batch, --prio-batch,
  --poll-batch, --numa      how threads run, as in llama-server
  -ngl, -dev, -sm, -ts, -mg, -nkvo, -ncmoe, -fit
                            what GPUs do, as in llama-server
  -b,   --batch-size N      most tokens of a prompt in one step (default: 2048)
  -ub,  --ubatch-size N     most tokens computed at once (default: 512)
  -ctk, --cache-type-k T    type of cached keys: f32, f16, bf16, q8_0, q4_0 (default: f16)
  -ctv, --cache-type-v T    type of cached values (default: f16)
  -r,   --repetitions N     measurements of each; the table shows their median (default: 5)
  -o,   --output FORMAT     md or json (default: md)
        --lora FILE         LoRA adapter; may be repeated. Every test then runs without adapters
                            and with them, the sequences taking turns in which one they use
        --isa NAME          portable, avx2, avx512, avx512_vnni, avx512_bf16,
                            amx or neon (default: the best)
  -h,   --help              this text
)";

struct BenchOptions {
  std::string model, isa, output = "md";
  std::vector<std::string> adapters;
  std::vector<std::string> device_flags;  // about threads and GPUs, as llama-server takes them
  ThreadOptions how_threads_run;          // what they say
  GpuOptions gpu;
  std::vector<int> prompts{512}, generates{128}, depths{0}, parallel{1}, threads{0};
  int batch = 2048, micro_batch = 512, repetitions = 5;
  quant::Type key_type = quant::Type::f16, value_type = quant::Type::f16;
};

std::vector<int> parse_list(const std::string& flag, const std::string& text) {
  std::vector<int> values;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    if (item.empty() || item.size() > 7 ||
        item.find_first_not_of("0123456789") != std::string::npos) {
      fail("{}: expected whole numbers separated by commas, got '{}'", flag, text);
    }
    values.push_back(std::stoi(item));
    at = end + 1;
  }
  return values;
}

int parse_one(const std::string& flag, const std::string& text) {
  const auto values = parse_list(flag, text);
  if (values.size() != 1 || values[0] < 1)
    fail("{}: expected one number above 0, got '{}'", flag, text);
  return values[0];
}

quant::Type parse_type(const std::string& flag, const std::string& text) {
  const quant::Traits* traits = quant::find_traits(text);
  if (!traits) fail("{}: unknown type '{}'; try f32, f16, bf16, q8_0 or q4_0", flag, text);
  return traits->type;
}

bool is_device_flag(std::string_view flag) {
  constexpr std::string_view kFlags[] = {"-tb",
                                         "--threads-batch",
                                         "-C",
                                         "--cpu-mask",
                                         "-Cr",
                                         "--cpu-range",
                                         "--cpu-strict",
                                         "--prio",
                                         "--poll",
                                         "-Cb",
                                         "--cpu-mask-batch",
                                         "-Crb",
                                         "--cpu-range-batch",
                                         "--cpu-strict-batch",
                                         "--prio-batch",
                                         "--poll-batch",
                                         "--numa",
                                         "-ngl",
                                         "--n-gpu-layers",
                                         "-dev",
                                         "--device",
                                         "-sm",
                                         "--split-mode",
                                         "-ts",
                                         "--tensor-split",
                                         "-mg",
                                         "--main-gpu",
                                         "-ncmoe",
                                         "--n-cpu-moe",
                                         "-fit",
                                         "--fit"};
  return std::find(std::begin(kFlags), std::end(kFlags), flag) != std::end(kFlags);
}

Options parse_device_flags(const std::vector<std::string>& flags) {
  std::vector<const char*> arguments{"llama-bench"};
  for (const std::string& flag : flags) arguments.push_back(flag.c_str());
  const auto no_variables = [](const char*) -> const char* { return nullptr; };
  return options::parse(static_cast<int>(arguments.size()), arguments.data(), no_variables).options;
}

/// False when the help was asked for.
bool parse(int argc, char** argv, BenchOptions& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "-h" || flag == "--help") return false;
    const auto is = [&](std::string_view a, std::string_view b) { return flag == a || flag == b; };
    if (!flag.starts_with("-")) fail("'{}': unexpected argument (see --help)", flag);
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) fail("{}: a value is missing", flag);
      return argv[++i];
    };
    if (is("-m", "--model"))
      o.model = value();
    else if (is("-p", "--n-prompt"))
      o.prompts = parse_list(flag, value());
    else if (is("-n", "--n-gen"))
      o.generates = parse_list(flag, value());
    else if (is("-d", "--n-depth"))
      o.depths = parse_list(flag, value());
    else if (is("-np", "--parallel"))
      o.parallel = parse_list(flag, value());
    else if (is("-t", "--threads"))
      o.threads = parse_list(flag, value());
    else if (is("-b", "--batch-size"))
      o.batch = parse_one(flag, value());
    else if (is("-ub", "--ubatch-size"))
      o.micro_batch = parse_one(flag, value());
    else if (is("-r", "--repetitions"))
      o.repetitions = parse_one(flag, value());
    else if (is("-ctk", "--cache-type-k"))
      o.key_type = parse_type(flag, value());
    else if (is("-ctv", "--cache-type-v"))
      o.value_type = parse_type(flag, value());
    else if (is("-o", "--output"))
      o.output = value();
    else if (flag == "--lora")
      o.adapters.push_back(value());
    else if (flag == "--isa")
      o.isa = value();
    else if (is("-nkvo", "--no-kv-offload"))
      o.device_flags.push_back(flag);
    else if (is_device_flag(flag))
      o.device_flags.insert(o.device_flags.end(), {flag, value()});
    else
      fail("{}: unknown flag (see --help)", flag);
  }
  if (o.model.empty()) fail("-m: a model file is needed (see --help)");
  const Options devices = parse_device_flags(o.device_flags);
  o.how_threads_run = devices.threads;
  o.gpu = devices.gpu;
  if (o.output != "md" && o.output != "json") fail("-o: expected md or json, got '{}'", o.output);
  return true;
}

struct Row {
  std::string test;
  int threads, depth, parallel;
  double median = 0, spread = 0;  // tokens/s; spread is half of the range
  double weight_gb_per_s = 0;     // for generation: weights read once per step
};

using Adapters = std::vector<AdapterUse>;

/// Sequences of random tokens over one pool; positions grow as they are computed.
class Runner {
 public:
  Runner(Model& model, compute::Device& device, const BenchOptions& options,
         const Adapters& adapters, int sequences, int length)
      : model_(model),
        adapters_(adapters),
        step_(std::min(options.batch, options.micro_batch)),
        pages_per_sequence_((length + compute::kPageTokens - 1) / compute::kPageTokens),
        pool_(device.make_kv_pool(model.kv_layout(options.key_type, options.value_type),
                                  pages_per_sequence_ * sequences)),
        pages_(static_cast<std::size_t>(pages_per_sequence_) * sequences) {
    for (std::size_t i = 0; i < pages_.size(); ++i) pages_[i] = static_cast<compute::PageId>(i);
  }

  void read_prompt(int sequence, int first, int count) {
    for (int done = 0; done < count;) {
      const int now = std::min(step_, count - done);
      const auto tokens = random_tokens(now);
      const BatchSequence slice{tokens, first + done, pages(sequence),
                                done + now == count ? Outputs::last : Outputs::none,
                                adapter_of(sequence)};
      model_.forward({&slice, 1}, *pool_);
      done += now;
    }
  }

  void generate(int sequences, int position) {
    const auto tokens = random_tokens(sequences);
    std::vector<BatchSequence> batch;
    for (int s = 0; s < sequences; ++s) {
      batch.push_back(
          {std::span(tokens).subspan(s, 1), position, pages(s), Outputs::last, adapter_of(s)});
    }
    model_.forward(batch, *pool_);
  }

 private:
  std::span<const AdapterUse> adapter_of(int sequence) const {
    if (adapters_.empty()) return {};
    return std::span(adapters_).subspan(static_cast<std::size_t>(sequence) % adapters_.size(), 1);
  }
  std::span<const compute::PageId> pages(int sequence) const {
    return std::span(pages_).subspan(static_cast<std::size_t>(sequence) * pages_per_sequence_,
                                     pages_per_sequence_);
  }
  std::vector<TokenId> random_tokens(int count) {
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random_() % model_.info().vocab);
    return tokens;
  }

  Model& model_;
  const Adapters& adapters_;
  int step_, pages_per_sequence_;
  std::unique_ptr<compute::KvPool> pool_;
  std::vector<compute::PageId> pages_;
  std::mt19937 random_{1};
};

template <class Work>
Row measure(Row row, const BenchOptions& options, double tokens, Work&& work) {
  work();  // warm up: page faults, clocks
  std::vector<double> rates;
  for (int i = 0; i < options.repetitions; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    rates.push_back(
        tokens / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(rates.begin(), rates.end());
  row.median = rates[rates.size() / 2];
  row.spread = (rates.back() - rates.front()) / 2;
  return row;
}

std::vector<Row> run_tests(Model& model, compute::Device& device, const BenchOptions& options,
                           const Adapters& adapters, int threads) {
  const char* with = adapters.empty() ? "" : "+lora";
  std::vector<Row> rows;
  for (const int depth : options.depths) {
    for (const int prompt : options.prompts) {
      if (prompt == 0) continue;
      Runner runner(model, device, options, adapters, 1, depth + prompt);
      if (depth > 0) runner.read_prompt(0, 0, depth);
      rows.push_back(measure({fmt::format("pp{}{}", prompt, with), threads, depth, 1}, options,
                             prompt, [&] { runner.read_prompt(0, depth, prompt); }));
    }
    for (const int parallel : options.parallel) {
      for (const int generate : options.generates) {
        if (generate == 0) continue;
        Runner runner(model, device, options, adapters, parallel, depth + generate);
        for (int s = 0; depth > 0 && s < parallel; ++s) runner.read_prompt(s, 0, depth);
        rows.push_back(measure({fmt::format("tg{}{}", generate, with), threads, depth, parallel},
                               options, static_cast<double>(generate) * parallel, [&] {
                                 for (int i = 0; i < generate; ++i)
                                   runner.generate(parallel, depth + i);
                               }));
        rows.back().weight_gb_per_s =
            rows.back().median / parallel * model.info().weight_bytes * 1e-9;
      }
    }
  }
  return rows;
}

void print_table(const Model& model, const std::string& device, const std::vector<Row>& rows) {
  const ModelInfo& info = model.info();
  const bool is_small = info.parameters < 100'000'000;
  fmt::print("{} ({}), {:.2f} {} parameters, {:.2f} {}; {}\n\n", info.architecture, info.file_type,
             info.parameters * (is_small ? 1e-6 : 1e-9), is_small ? "M" : "B",
             info.weight_bytes * (is_small ? 1e-6 : 1e-9), is_small ? "MB" : "GB", device);
  fmt::print("| test       | threads | depth | sequences |  tokens/s |   +- | weights GB/s |\n");
  fmt::print("|------------|--------:|------:|----------:|----------:|-----:|-------------:|\n");
  for (const Row& row : rows) {
    const std::string rate =
        row.weight_gb_per_s > 0 ? fmt::format("{:.1f}", row.weight_gb_per_s) : "";
    fmt::print("| {:<10} | {:>7} | {:>5} | {:>9} | {:>9.2f} | {:>4.1f} | {:>12} |\n", row.test,
               row.threads > 0 ? std::to_string(row.threads) : "auto", row.depth, row.parallel,
               row.median, row.spread, rate);
  }
}

void print_json(const Model& model, const std::string& device, const std::vector<Row>& rows) {
  Json results = Json::array();
  for (const Row& row : rows) {
    results.push_back({{"test", row.test},
                       {"threads", row.threads},
                       {"n_depth", row.depth},
                       {"n_parallel", row.parallel},
                       {"tokens_per_s", row.median},
                       {"spread", row.spread},
                       {"weights_gb_per_s", row.weight_gb_per_s}});
  }
  const ModelInfo& info = model.info();
  const Json report{{"model", info.name},
                    {"architecture", info.architecture},
                    {"file_type", info.file_type},
                    {"parameters", info.parameters},
                    {"weight_bytes", info.weight_bytes},
                    {"device", device},
                    {"results", results}};
  std::cout << report.dump(2) << '\n';
}

void run(const BenchOptions& options) {
  const gguf::File file = gguf::File::open(options.model);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < options.threads.size(); ++i) {
    compute::CpuSettings settings = cpu_settings(options.how_threads_run);
    settings.threads = options.threads[i];
    settings.isa = options.isa;
    const int tokens = *std::max_element(options.prompts.begin(), options.prompts.end()) +
                       *std::max_element(options.generates.begin(), options.generates.end()) +
                       *std::max_element(options.depths.begin(), options.depths.end());
    const auto device =
        choose_device({.gpu = options.gpu,
                       .cpu = settings,
                       .context = tokens * *std::max_element(options.parallel.begin(),
                                                             options.parallel.end()),
                       .key_type = options.key_type,
                       .value_type = options.value_type,
                       .step_tokens = std::min(options.batch, options.micro_batch)},
                      file)
            .device;
    const auto model = Model::load(file, *device);
    std::vector<Adapters> sets(1);  // without, then with
    if (!options.adapters.empty()) sets.emplace_back();
    for (const std::string& path : options.adapters) {
      sets.back().push_back({model->load_adapter(path)});
    }
    for (const Adapters& set : sets) {
      const auto more = run_tests(*model, *device, options, set, options.threads[i]);
      rows.insert(rows.end(), more.begin(), more.end());
    }
    if (i + 1 < options.threads.size()) continue;
    (options.output == "json" ? print_json : print_table)(*model, device->description(), rows);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    BenchOptions options;
    if (!parse(argc, argv, options)) {
      std::fputs(kHelp, stdout);
      return 0;
    }
    llm::log::Settings log;
    log.verbosity = 2;  // warnings: standard output is the table
    llm::log::set_up(log);
    run(options);
  } catch (const std::exception& error) {
    std::cerr << "llama-bench: " << error.what() << '\n';
    return 1;
  }
}
