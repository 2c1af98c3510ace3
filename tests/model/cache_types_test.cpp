// Key/value cache types (../shared/vectors/features/kv-cache): the error that a type brings is of
// the size that it brings elsewhere.
#include "model/vectors.h"

namespace llm::test {
namespace {

class CacheTypes : public testing::TestWithParam<const char*> {};

TEST_P(CacheTypes, DeviateFromF32NoMoreThanExpected) {
  LLM_NEED_SHARED("vectors/features/kv-cache");
  const std::string folder = shared_dir() / "vectors/features/kv-cache";
  const Json expected = read_json(folder + "/vectors.json");
  const gguf::File file = gguf::File::open(folder + "/model.gguf");
  const Json& exact = expected.at("cases").at(0);
  ASSERT_EQ(exact.at("kv").at("type_k"), "f32");
  for (const Json& entry : expected.at("cases")) {
    SCOPED_TRACE(entry.at("id").get<std::string>());
    if (takes_long(GetParam())) GTEST_SKIP() << "takes long, see LLAMA_SOAK";
    auto device = make_device(GetParam());
    if (!device) GTEST_SKIP() << GetParam() << " does not run here";
    const bool is_on_gpu = std::string_view(GetParam()).starts_with("cuda");
    if (is_on_gpu &&
        (entry.at("kv").at("type_k") == "iq4_nl" || entry.at("kv").at("type_v") == "iq4_nl")) {
      continue;  // GPUs have no such cache
    }
    const auto type = [&](const char* which) {
      return quant::find_traits(entry.at("kv").at(which).get<std::string>())->type;
    };
    Runner runner(file, std::move(device), type("type_k"), type("type_v"));
    Distance distance;
    int id = 0;
    for (const Json& sequence : exact.at("sequences")) {
      const std::vector<Logits> logits = runner.prompt(id++, sequence.at("tokens"));
      for (const Json& row : sequence.at("logits")) {
        distance.add(logits.at(row.at("pos")), row.at("values").get<Logits>());
      }
    }
    const double usual = entry.at("rms_diff_vs_f32");
    EXPECT_LE(distance.rms(), std::max(1.5 * usual, 2e-5));
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, CacheTypes, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

}  // namespace
}  // namespace llm::test
