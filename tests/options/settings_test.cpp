#include "options/settings.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace llm::options {
namespace {

using testing::ElementsAre;

Settings of(std::vector<const char*> argv) {
  argv.insert(argv.begin(), "llama-server");
  return Settings::from_arguments(static_cast<int>(argv.size()), argv.data());
}

TEST(Settings, ACommandLineComesBackWithTheLastNamesInAFixedOrder) {
  const auto settings =
      of({"-c", "512", "--no-mmap", "--ctx_size", "1024", "-np", "2", "--metrics"});
  EXPECT_THAT(settings.arguments(),
              ElementsAre("--metrics", "--no-mmap", "--ctx-size", "1024", "--parallel", "2"));
  EXPECT_EQ(settings.ini(), "metrics = true\nmmap = false\nctx-size = 1024\nparallel = 2\n");
  EXPECT_EQ(settings.value("-c"), "1024");
}

TEST(Settings, ValuesOfAFlagThatAddsUpAreAllKeptAndReplacedTogether) {
  auto weak = of({"-r", "a", "-r", "b"});
  EXPECT_THAT(weak.arguments(), ElementsAre("--reverse-prompt", "a", "--reverse-prompt", "b"));
  weak.lay_over(of({"-r", "c"}));
  EXPECT_THAT(weak.arguments(), ElementsAre("--reverse-prompt", "c"));
}

TEST(Settings, AFlagOfTwoValuesKeepsBoth) {
  const char* const arguments[] = {
      "llama-server", "--control-vector-layer-range", "1", "3", "--port", "1"};
  const auto settings = Settings::from_arguments(6, arguments);
  EXPECT_EQ(settings.arguments(),
            (std::vector<std::string>{"--control-vector-layer-range", "1", "3", "--port", "1"}));
  EXPECT_NE(settings.ini().find("control-vector-layer-range = 1 3"), std::string::npos);
  EXPECT_THROW(Settings::from_arguments(3, arguments), Error);
}

TEST(Settings, VariablesCountAsOnTheServersOwnStart) {
  const auto environment = [](std::string_view name) -> const char* {
    if (name == "LLAMA_ARG_CTX_SIZE") return "64";
    if (name == "LLAMA_ARG_NO_MMAP") return "0";
    if (name == "LLAMA_ARG_ENDPOINT_METRICS") return "off";
    if (name == "LLAMA_ARG_PORT") return "";
    if (name == "HF_TOKEN") return "secret";
    return nullptr;
  };
  EXPECT_THAT(Settings::from_environment(environment).arguments(),
              ElementsAre("--no-mmap", "--ctx-size", "64"));
}

TEST(Settings, ParseChecksValues) {
  Settings settings;
  settings.set_key("ctx-size", "512");
  EXPECT_EQ(settings.parse().context.size, 512);
  settings.set("--ctx-size", "many");
  EXPECT_THROW(settings.parse(), Error);
  settings.erase("-c");
  EXPECT_FALSE(settings.has("--ctx-size"));
  EXPECT_EQ(settings.parse().context.size, 0);
}

TEST(Settings, KnowsWhatThisVersionRefuses) {
  EXPECT_TRUE(is_supported("--ctx-size"));
  EXPECT_TRUE(is_supported("--no-kv-offload"));
  EXPECT_FALSE(is_supported("--op-offload"));
  EXPECT_FALSE(is_supported("--no-such-flag"));
}

}  // namespace
}  // namespace llm::options
