// One llama per file type (../shared/vectors/quant-models): whatever mix of types a file holds, the
// logits stay near those of the expanded file.
#include "model/vectors.h"

namespace llm::test {
namespace {

const char* const kFileTypes[] = {
    "bf16",  "f16",    "iq1_m",   "iq1_s",  "iq2_m",  "iq2_s",     "iq2_xs", "iq2_xxs", "iq3_m",
    "iq3_s", "iq3_xs", "iq3_xxs", "iq4_nl", "iq4_xs", "mxfp4_moe", "nvfp4",  "q1_0",    "q2_0",
    "q2_k",  "q2_k_s", "q3_k_l",  "q3_k_m", "q3_k_s", "q4_0",      "q4_1",   "q4_k_m",  "q4_k_s",
    "q5_0",  "q5_1",   "q5_k_m",  "q5_k_s", "q6_k",   "q8_0",      "tq1_0",  "tq2_0",
};

class QuantisedModels : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(QuantisedModels, LogitsStayNearTheExpandedFiles) {
  const auto [type, device_name] = GetParam();
  const std::string name = std::string("vectors/quant-models/") + type;
  LLM_NEED_SHARED(name);
  if (is_left_out(type, device_name)) GTEST_SKIP() << "takes long, see LLAMA_SOAK";
  auto device = make_device(device_name);
  if (!device) GTEST_SKIP() << device_name << " does not run here";
  const std::string folder = shared_dir() / name;
  const Json expected = read_json(folder + "/vectors.json");
  const gguf::File file = gguf::File::open(folder + "/model.gguf");
  Runner runner(file, std::move(device));
  // Rounded activations may be off by as much as the peer's own are, 1.5 times; the reference
  // device and GPUs do not round.
  const std::string_view name_of_device = device_name;
  const bool rounds = name_of_device != "reference" && !name_of_device.starts_with("cuda");
  const double noise = expected.at("noise").at("quantised_vs_f32_rms");
  int id = 0;
  for (const Json& sequence : expected.at("sequences")) {
    SCOPED_TRACE(sequence.at("id").get<std::string>());
    const std::vector<Logits> logits = runner.prompt(id++, sequence.at("tokens"));
    Distance distance;
    for (const Json& row : sequence.at("logits_f32")) {
      distance.add(logits.at(row.at("pos")), row.at("values").get<Logits>());
    }
    if (rounds) {
      EXPECT_LE(distance.rms(), std::max(1.5 * noise, 1e-3));
    } else {
      EXPECT_LE(distance.max, 1e-3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, QuantisedModels,
                         testing::Combine(testing::ValuesIn(kFileTypes),
                                          testing::ValuesIn(kDevices)),
                         name_on_device<QuantisedModels::ParamType>);

}  // namespace
}  // namespace llm::test
