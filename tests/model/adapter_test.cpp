// LoRA adapters: the numbers of ../shared/vectors, every family against merged weights, mixed
// batches, and files that are refused.
#include <functional>

#include "model/adapter_file.h"
#include "model/tiny_file.h"
#include "model/vectors.h"

namespace llm::test {
namespace {

constexpr double kMaxDifference = 1e-3;

class AdapterVectors : public testing::TestWithParam<const char*> {};

TEST_P(AdapterVectors, EveryCaseMatches) {
  LLM_NEED_SHARED("vectors/features/lora");
  const std::string folder = shared_dir() / "vectors/features/lora/";
  const Json expected = read_json(folder + "vectors.json");
  auto device = make_device(GetParam());
  if (!device) GTEST_SKIP() << GetParam() << " does not run here";
  const gguf::File file = gguf::File::open(folder + "model.gguf");
  Runner runner(file, std::move(device));
  for (const Json& one : expected.at("cases")) {
    SCOPED_TRACE(one.at("id").get<std::string>());
    std::vector<AdapterUse> uses;
    for (const Json& use : one.at("lora")) {
      uses.push_back({runner.model().load_adapter(folder + use.at("file").get<std::string>()),
                      use.at("scale").get<float>()});
    }
    for (const Json& sequence : one.at("sequences")) {
      const Tokens tokens = sequence.at("tokens");
      BatchSequence batch = runner.slice(0, tokens, 0, Outputs::all);
      batch.adapters = uses;
      const std::vector<Logits> logits = runner.forward({&batch, 1});
      Distance distance;
      for (const Json& row : sequence.at("logits")) {
        distance.add(logits.at(row.at("pos")), row.at("values").get<Logits>());
      }
      EXPECT_LE(distance.max, kMaxDifference);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, AdapterVectors, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

// ---- Every family: an adapter does what merged weights do ----

std::vector<F32Tensor> expanded(const gguf::File& file) {
  std::vector<F32Tensor> tensors;
  for (const gguf::TensorInfo& t : file.tensors()) {
    tensors.push_back({t.name, t.shape, std::vector<float>(std::size_t(t.elements()))});
    quant::traits(t.type).dequantize(t.bytes.data(), tensors.back().values.data(), t.elements());
  }
  return tensors;
}

/// base += factor * B A, for each matrix of a stack; the table of tokens has A transposed.
void merge(F32Tensor& base, const F32Tensor& a, const F32Tensor& b, float factor) {
  const bool is_table = base.name == "token_embd.weight";
  const std::int64_t cols = base.shape.back(), rows = base.shape[base.shape.size() - 2];
  const std::int64_t rank = b.shape.back();
  const std::int64_t count = std::int64_t(base.values.size()) / (rows * cols);
  for (std::int64_t m = 0; m < count; ++m) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        double sum = 0;
        for (std::int64_t k = 0; k < rank; ++k) {
          const double left = is_table ? b.values[std::size_t(c * rank + k)]
                                       : b.values[std::size_t((m * rows + r) * rank + k)];
          const double right = is_table ? a.values[std::size_t(r * rank + k)]
                                        : a.values[std::size_t((m * rank + k) * cols + c)];
          sum += left * right;
        }
        base.values[std::size_t((m * rows + r) * cols + c)] += float(factor * sum);
      }
    }
  }
}

/// Matrices that no product reads: tables that are looked up, lists that are written as matrices.
bool is_matrix(const F32Tensor& t) {
  if (t.shape.size() < 2 || !t.name.ends_with(".weight")) return false;
  for (const char* other :
       {"norm", "position_embd", "token_types", "attn_rel_b", "cls", "dense_", "rope_", "sinks"}) {
    if (t.name.find(other) != std::string::npos) return false;
  }
  return true;
}

std::vector<Logits> run(Runner& runner, const Tokens& tokens, std::span<const AdapterUse> uses) {
  BatchSequence batch = runner.slice(0, tokens, 0, Outputs::all);
  batch.adapters = uses;
  if (runner.model().info().has_logits) return runner.forward({&batch, 1});
  const compute::Tensor t = runner.model().embed({&batch, 1}, runner.pool());
  std::vector<Logits> rows;
  for (std::int64_t r = 0; r < t.rows; ++r) rows.emplace_back(t.row(r).begin(), t.row(r).end());
  return rows;
}

void expect_adapter_equals_merged(const gguf::File& file) {
  const bool is_tied = file.find_tensor("output.weight") == nullptr;
  std::vector<F32Tensor> tensors = expanded(file), pairs;
  std::mt19937 random(7);
  constexpr float kAlpha = 6, kScale = 0.5f;
  constexpr std::int64_t kRank = 3;
  for (F32Tensor& base : tensors) {
    if (!is_matrix(base)) continue;
    // A table that also makes the logits would be changed twice by merging.
    if (base.name == "token_embd.weight" && is_tied) continue;
    const std::vector<F32Tensor> pair = random_pair(base.name, base.shape, kRank, random, 0.1f);
    merge(base, pair[0], pair[1], kScale * kAlpha / kRank);
    pairs.insert(pairs.end(), pair.begin(), pair.end());
  }
  ASSERT_FALSE(pairs.empty());
  const auto architecture = file.metadata().need<std::string>("general.architecture");
  const TemporaryFile merged_file("merged.gguf"), adapter_file("adapter.gguf");
  write_gguf(merged_file.path(), file.metadata(), tensors);
  write_gguf(adapter_file.path(), adapter_keys(architecture, kAlpha), pairs);

  const gguf::File merged = gguf::File::open(merged_file.path());
  Runner with(file, make_device("")), reference(merged, make_device(""));
  const AdapterUse use{with.model().load_adapter(adapter_file.path()), kScale};
  const Tokens tokens = {50, 23, 37, 87, 12, 94, 92, 45, 8, 61};
  const std::vector<Logits> expected = run(reference, tokens, {}), plain = run(with, tokens, {}),
                            found = run(with, tokens, {&use, 1});
  Distance off, change;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    off.add(found[i], expected[i]);
    change.add(plain[i], expected[i]);
  }
  EXPECT_GT(change.max, 0.1) << "the adapter would not be missed";
  EXPECT_LE(off.max, kMaxDifference);
}

TEST(AdapterOfFamily, EqualsMergedWeights) {
  LLM_NEED_SHARED("vectors/archs");
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared_dir() / "vectors/archs")) {
    const gguf::File file = gguf::File::open(entry.path() / "model.gguf");
    const bool is_f32 = std::ranges::all_of(
        file.tensors(), [](const auto& t) { return t.type == quant::Type::f32; });
    try {
      Runner probe(file, make_device(""));
    } catch (const Error&) {
      continue;  // a family that is still to come
    }
    SCOPED_TRACE(entry.path().filename().string());
    if (!is_f32) continue;
    expect_adapter_equals_merged(file);
    ++count;
  }
  EXPECT_GE(count, 50);
}

TEST(AdapterOfTinyModel, EqualsMergedWeights) {
  for (const int experts : {0, 4}) {
    const TinyFile tiny({.experts = experts, .experts_used = 2});
    expect_adapter_equals_merged(tiny.open());
  }
}

// ---- Batches ----

struct AdapterBatch : testing::Test {
  TinyFile tiny{TinyModel{}};
  gguf::File file = tiny.open();
  TemporaryFile first_file{"first.gguf"}, second_file{"second.gguf"};

  void SetUp() override {
    write(first_file.path(), 2, 4);
    write(second_file.path(), 3, 2);
  }
  void write(const std::string& path, unsigned seed, std::int64_t rank) {
    std::mt19937 random(seed);
    std::vector<F32Tensor> tensors;
    for (const gguf::TensorInfo& t : file.tensors()) {
      if (t.shape.size() < 2) continue;
      for (F32Tensor& one : random_pair(t.name, t.shape, rank, random)) {
        tensors.push_back(std::move(one));
      }
    }
    write_gguf(path, adapter_keys("llama", 8), tensors);
  }
};

TEST_F(AdapterBatch, EverySequenceIsComputedAsIfAlone) {
  Runner runner(file, make_device(""));
  const auto first = runner.model().load_adapter(first_file.path()),
             second = runner.model().load_adapter(second_file.path());
  const std::vector<std::vector<AdapterUse>> sets = {
      {{second, 1.0f}, {first, 0.5f}}, {}, {{second, -0.7f}}, {{first, 0.5f}, {second, 1.0f}}};
  const std::vector<Tokens> prompts = {
      {5, 6, 7, 8, 9, 10, 11}, {5, 6, 7, 8}, {40, 41, 42}, {5, 6, 7, 8, 9, 10, 11}};
  std::vector<BatchSequence> batch;
  for (int i = 0; i < 4; ++i) {
    // Different outputs: adapters must follow the rows that are kept in the last layer.
    batch.push_back(
        runner.slice(i, prompts[std::size_t(i)], 0, i == 2 ? Outputs::all : Outputs::last));
    batch.back().adapters = sets[std::size_t(i)];
  }
  std::vector<Logits> alone;
  for (const BatchSequence& one : batch) {
    for (Logits& row : runner.forward({&one, 1})) alone.push_back(std::move(row));
  }
  EXPECT_EQ(runner.forward(batch), alone);
  EXPECT_EQ(alone.front(), alone.back()) << "the order in which adapters are named does not count";
  EXPECT_NE(alone[0], alone[1]);
}

TEST_F(AdapterBatch, CountsFromItsFirstPositionOn) {
  Runner runner(file, make_device(""));
  const auto adapter = runner.model().load_adapter(first_file.path());
  const Tokens tokens = {5, 6, 7, 8, 9, 10, 11};
  const AdapterUse late{adapter, 1.0f, 4}, always{adapter, 1.0f, 0};
  const auto plain = run(runner, tokens, {}), found = run(runner, tokens, {&late, 1});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(found[i], plain[i]) << i;
  for (std::size_t i = 4; i < tokens.size(); ++i) EXPECT_NE(found[i], plain[i]) << i;
  EXPECT_NE(found, run(runner, tokens, {&always, 1}));

  // The same in two steps.
  BatchSequence step = runner.slice(1, std::span(tokens).first(3), 0, Outputs::none);
  step.adapters = {&late, 1};
  runner.forward({&step, 1});
  step = runner.slice(1, std::span(tokens).subspan(3), 3, Outputs::all);
  step.adapters = {&late, 1};
  EXPECT_EQ(runner.forward({&step, 1}), std::vector<Logits>(found.begin() + 3, found.end()));
}

TEST_F(AdapterBatch, NoTwoAdaptersShareAnIdentity) {
  Runner runner(file, make_device(""));
  std::uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    const auto adapter = runner.model().load_adapter(first_file.path());
    EXPECT_GT(adapter->uid(), before);
    before = adapter->uid();
  }
}

// ---- Files that are refused ----

struct AdapterRefusal : testing::Test {
  TinyFile tiny{TinyModel{}};
  gguf::File file = tiny.open();
  std::unique_ptr<compute::Device> device = make_device("");
  std::unique_ptr<Model> model = Model::load(file, *device);
  TemporaryFile path{"refused.gguf"};
  gguf::Metadata keys = adapter_keys("llama", 8);
  std::vector<F32Tensor> tensors = pair("blk.0.attn_q.weight", {64, 64});

  static std::vector<F32Tensor> pair(const std::string& base, std::vector<std::int64_t> shape) {
    std::mt19937 random(1);
    return random_pair(base, std::move(shape), 4, random);
  }
  void expect(const std::vector<std::string>& words) {
    write_gguf(path.path(), keys, tensors);
    try {
      model->load_adapter(path.path());
      ADD_FAILURE() << "loaded";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(path.path()));
      for (const std::string& word : words) EXPECT_THAT(error.what(), testing::HasSubstr(word));
    }
  }
};

TEST_F(AdapterRefusal, IsAboutNothingWhenTheFileIsRight) {
  write_gguf(path.path(), keys, tensors);
  EXPECT_EQ(model->load_adapter(path.path())->info().path, path.path());
}

TEST_F(AdapterRefusal, NamesTheKey) {
  keys.set("general.type", {std::string("model")});
  expect({"general.type", "'model'", "'adapter'"});
  keys = adapter_keys("qwen2", 8);
  expect({"general.architecture", "'qwen2'", "'llama'"});
  keys = adapter_keys("llama", 8);
  keys.set("adapter.type", {std::string("dora")});
  expect({"adapter.type", "'dora'"});
  keys = adapter_keys("llama", NAN);
  expect({"adapter.lora.alpha"});
  keys = adapter_keys("llama", 8);
  keys.set("adapter.alora.invocation_tokens", gguf::array_value(std::vector<std::int32_t>{1, 2}));
  expect({"adapter.alora.invocation_tokens", "u32"});
}

TEST_F(AdapterRefusal, NamesTheTensor) {
  tensors.pop_back();
  expect({"blk.0.attn_q.weight.lora_b", "missing"});
  tensors = pair("blk.7.attn_q.weight", {64, 64});
  expect({"blk.7.attn_q.weight"});
  tensors = pair("blk.0.attn_norm.weight", {1, 64});  // a norm is no matrix
  expect({"blk.0.attn_norm.weight"});
  tensors = pair("blk.0.attn_q.weight", {64, 32});
  expect({"blk.0.attn_q.weight.lora_a", "[4, 32]", "[64, 64]"});
  tensors = pair("blk.0.attn_q.weight", {32, 64});
  expect({"blk.0.attn_q.weight.lora_b", "[32, 4]"});
  tensors = pair("blk.0.attn_q.weight", {64, 64});
  tensors[1].shape = {128, 2};  // another rank
  expect({"blk.0.attn_q.weight.lora_b", "[128, 2]"});
  tensors = pair("blk.0.attn_q.weight", {2, 64, 64});  // a stack where there is none
  expect({"blk.0.attn_q.weight.lora_a", "3 dimensions"});
  tensors = pair("blk.0.attn_q.weight", {64, 64});
  tensors.push_back({"blk.0.attn_q.bias", {64}, std::vector<float>(64)});
  expect({"blk.0.attn_q.bias"});
}

TEST_F(AdapterRefusal, NamesAFileThatIsNone) {
  std::ofstream(path.path()) << "not a GGUF file";
  EXPECT_THROW(model->load_adapter(path.path()), Error);
  EXPECT_THROW(model->load_adapter(path.path() + ".gone"), Error);
}

TEST_F(AdapterRefusal, PassesNormsOver) {
  tensors.push_back({"blk.0.attn_norm.weight", {64}, std::vector<float>(64)});
  write_gguf(path.path(), keys, tensors);
  EXPECT_NO_THROW(model->load_adapter(path.path()));
}

}  // namespace
}  // namespace llm::test
