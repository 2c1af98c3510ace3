// Control vectors: the numbers of ../shared/vectors, layer ranges, files that are refused.
#include "model/adapter_file.h"
#include "model/tiny_file.h"
#include "model/vectors.h"

namespace llm::test {
namespace {

std::vector<Logits> logits_with(const gguf::File& file, std::unique_ptr<compute::Device> device,
                                const ControlVectors& control, const Tokens& tokens) {
  const auto model =
      Model::load(file, *device, {.context = Runner::kContext, .control_vectors = control});
  const auto pool =
      device->make_kv_pool(model->kv_layout(quant::Type::f32, quant::Type::f32), Runner::kContext);
  std::vector<compute::PageId> pages;
  for (int i = 0; i < Runner::kContext / compute::kPageTokens; ++i) {
    pages.push_back(compute::PageId{i});
  }
  const BatchSequence batch{.tokens = tokens, .pages = pages, .outputs = Outputs::all};
  const compute::Tensor t = model->forward({&batch, 1}, *pool);
  std::vector<Logits> rows;
  for (std::int64_t r = 0; r < t.rows; ++r) rows.emplace_back(t.row(r).begin(), t.row(r).end());
  return rows;
}

class ControlVectorCases : public testing::TestWithParam<const char*> {};

TEST_P(ControlVectorCases, Match) {
  LLM_NEED_SHARED("vectors/features/control-vector");
  const std::string folder = shared_dir() / "vectors/features/control-vector/";
  const Json expected = read_json(folder + "vectors.json");
  const gguf::File file = gguf::File::open(folder + "model.gguf");
  for (const Json& one : expected.at("cases")) {
    SCOPED_TRACE(one.at("id").get<std::string>());
    ControlVectors control;
    if (one.contains("control_vector")) {
      const Json& c = one.at("control_vector");
      control = {.files = {{folder + c.at("file").get<std::string>(), c.at("scale").get<float>()}},
                 .first_layer = c.at("layer_start"),
                 .last_layer = c.at("layer_end")};
    }
    for (const Json& sequence : one.at("sequences")) {
      if (takes_long(GetParam())) GTEST_SKIP() << "takes long, see LLAMA_SOAK";
      auto device = make_device(GetParam());
      if (!device) GTEST_SKIP() << GetParam() << " does not run here";
      const auto logits = logits_with(file, std::move(device), control, sequence.at("tokens"));
      Distance distance;
      for (const Json& row : sequence.at("logits")) {
        distance.add(logits.at(row.at("pos")), row.at("values").get<Logits>());
      }
      EXPECT_LE(distance.max, 1e-3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, ControlVectorCases, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

struct ControlVectorFiles : testing::Test {
  TinyFile tiny{TinyModel{.layers = 3}};
  gguf::File file = tiny.open();
  TemporaryFile path{"control.gguf"};
  std::vector<F32Tensor> tensors = {direction("direction.1", 1), direction("direction.2", 2)};

  static F32Tensor direction(const std::string& name, unsigned seed, int width = 64) {
    std::mt19937 random(seed);
    return {name, {width}, random_values(width, 1, random)};
  }
  void write() {
    gguf::Metadata keys;
    keys.set("general.architecture", {std::string("controlvector")});
    write_gguf(path.path(), keys, tensors);
  }
  std::vector<Logits> run(const ControlVectors& control) const {
    return logits_with(file, make_device(""), control, {5, 6, 7});
  }
  void expect_refusal(const std::string& word) {
    write();
    try {
      run({.files = {{path.path()}}});
      ADD_FAILURE() << "loaded";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(path.path()));
      EXPECT_THAT(error.what(), testing::HasSubstr(word));
    }
  }
};

TEST_F(ControlVectorFiles, AddUpAndObeyTheRange) {
  write();
  const auto plain = run({}), all = run({.files = {{path.path()}}});
  EXPECT_NE(plain, all);
  EXPECT_EQ(run({.files = {{path.path(), 0.25f}, {path.path(), 0.75f}}}), all);
  EXPECT_EQ(run({.files = {{path.path()}}, .first_layer = 1, .last_layer = 3}), all);
  const auto first = run({.files = {{path.path()}}, .first_layer = 1, .last_layer = 1});
  EXPECT_NE(first, all);
  EXPECT_NE(first, plain);
  EXPECT_EQ(run({.files = {{path.path()}}, .first_layer = 3}), plain);
  EXPECT_EQ(run({.files = {{path.path(), 0}}}), plain);
  tensors = {direction("direction.3", 3)};  // behind the last block
  write();
  EXPECT_EQ(run({.files = {{path.path()}}}), plain);
}

TEST_F(ControlVectorFiles, AreRefusedWithTheTensorsName) {
  tensors = {direction("direction.0", 1)};
  expect_refusal("direction.0");
  tensors = {direction("direction.x", 1)};
  expect_refusal("direction.x");
  tensors = {direction("other.1", 1)};
  expect_refusal("other.1");
  tensors = {direction("direction.1", 1, 32)};
  expect_refusal("64");
  tensors = {{"direction.1", {2, 32}, std::vector<float>(64)}};
  expect_refusal("direction.1");
  tensors = {};
  expect_refusal("direction.");
}

}  // namespace
}  // namespace llm::test
