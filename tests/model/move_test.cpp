// Cached tokens at other positions (../shared/vectors/features/context-shift).
#include "model/vectors.h"

namespace llm::test {
namespace {

class Move : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    LLM_NEED_SHARED("vectors/features/context-shift");
    folder_ = shared_dir() / "vectors/features/context-shift";
    if (!make_device(GetParam())) GTEST_SKIP() << GetParam() << " does not run here";
    file_.emplace(gguf::File::open(folder_ + "/model.gguf"));
  }

  /// Evaluates the first part, drops a span of it, evaluates the rest; logits of the rest.
  std::vector<Logits> run(Runner& runner, const Json& entry) const {
    const auto tokens = entry.at("tokens").get<Tokens>();
    const int first = entry.at("n_first"), begin = entry.at("remove").at(0),
              end = entry.at("remove").at(1);
    const std::span<const TokenId> all = tokens;
    const BatchSequence beginning = runner.slice(0, all.first(first), 0, Outputs::none);
    runner.forward({&beginning, 1});
    const compute::KvMove move{beginning.pages, end, beginning.pages, begin, first - end};
    runner.model().move({&move, 1}, runner.pool());
    const BatchSequence rest =
        runner.slice(0, all.subspan(first), first - (end - begin), Outputs::all);
    return runner.forward({&rest, 1});
  }

  std::string folder_;
  std::optional<gguf::File> file_;
};

TEST_P(Move, GivesTheExpectedLogitsBehindARemovedSpan) {
  for (const Json& entry : read_json(folder_ + "/vectors.json").at("cases")) {
    SCOPED_TRACE(entry.at("id").get<std::string>());
    Runner runner(*file_, make_device(GetParam()));
    const std::vector<Logits> logits = run(runner, entry);
    for (const Json& row : entry.at("logits")) {
      const int index = row.at("index").get<int>() - entry.at("n_first").get<int>();
      Distance distance;
      distance.add(logits.at(index), row.at("values").get<Logits>());
      EXPECT_LE(distance.max, 1e-3) << "token " << row.at("index");
    }
  }
}

TEST_P(Move, RoundsMovedKeysNoMoreThanTheCacheDoes) {
  const Json entry = read_json(folder_ + "/vectors.json").at("cases").at(0);
  Runner exact(*file_, make_device(GetParam()));
  const std::vector<Logits> expected = run(exact, entry);
  const std::pair<quant::Type, double> kTypes[] = {{quant::Type::f16, 0.01},
                                                   {quant::Type::bf16, 0.05},
                                                   {quant::Type::q8_0, 0.05},
                                                   {quant::Type::q4_0, 0.6}};
  for (const auto& [type, tolerance] : kTypes) {
    SCOPED_TRACE(quant::traits(type).name);
    Runner runner(*file_, make_device(GetParam()), type, type);
    const std::vector<Logits> logits = run(runner, entry);
    Distance distance;
    for (std::size_t i = 0; i < logits.size(); ++i) distance.add(logits[i], expected[i]);
    EXPECT_LE(distance.rms(), tolerance);
  }
}

TEST_P(Move, ByNothingChangesNoBit) {
  Json entry = read_json(folder_ + "/vectors.json").at("cases").at(0);
  entry["remove"] = {4, 4};
  for (const quant::Type type : {quant::Type::f32, quant::Type::q8_0, quant::Type::q4_0}) {
    Runner runner(*file_, make_device(GetParam()), type, type);
    const std::vector<Logits> moved = run(runner, entry);
    const auto tokens = entry.at("tokens").get<Tokens>();
    const std::vector<Logits> fresh = runner.prompt(1, tokens);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      ASSERT_EQ(moved[i], fresh[fresh.size() - moved.size() + i]) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, Move, testing::ValuesIn(kDevices),
                         [](const auto& entry) { return std::string(entry.param); });

}  // namespace
}  // namespace llm::test
