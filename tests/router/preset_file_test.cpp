#include "router/preset_file.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace llm::router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(std::string_view text) {
  try {
    parse_preset_file(text, "presets.ini");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(PresetFile, SectionsHoldOptionsByAnyOfTheirNames) {
  const auto file = parse_preset_file(
      "version = 1\n"
      "; a comment\n"
      "# another\n"
      "[*]\n"
      "ctx-size = 512\n"
      "np = 1\n"
      "\n"
      "[ggml-org/some:Q4_K_M]\r\n"
      "  c = 2048  \r\n"
      "LLAMA_ARG_UBATCH=64\n"
      "no-mmap = true\n"
      "embeddings = on\n",
      "presets.ini");
  EXPECT_THAT(file.all.settings.arguments(), ElementsAre("--ctx-size", "512", "--parallel", "1"));
  ASSERT_EQ(file.models.size(), 1u);
  EXPECT_THAT(
      file.models.at("ggml-org/some:Q4_K_M").settings.arguments(),
      ElementsAre("--embeddings", "--no-mmap", "--ctx-size", "2048", "--ubatch-size", "64"));
}

TEST(PresetFile, KeysOfTheRouterAreNoOptions) {
  const auto file = parse_preset_file(
      "[a]\nload-on-startup = true\nstop-timeout = 3\npinned = 1\nmodel = "
      "a.gguf\n[b]\nmodel=b.gguf\n",
      "p");
  const Preset& a = file.models.at("a");
  EXPECT_EQ(a.load_on_startup, true);
  EXPECT_EQ(a.stop_timeout_s, 3);
  EXPECT_EQ(a.pinned, true);
  EXPECT_THAT(a.settings.arguments(), ElementsAre("--model", "a.gguf"));
  EXPECT_EQ(file.models.at("b").load_on_startup, std::nullopt);
}

TEST(PresetFile, ASwitchWithoutItsNegativeFormCanBeTakenBack) {
  auto file = parse_preset_file(
      "[*]\nembeddings = true\nmmap = true\n[a]\nembeddings = false\nmmap=0\n", "p");
  file.all.lay_over(file.models.at("a"));
  EXPECT_THAT(file.all.settings.arguments(), ElementsAre("--no-mmap"));
  EXPECT_EQ(file.all.settings.ini(), "embeddings = false\nmmap = false\n");
}

TEST(PresetFile, ANegativeKeyThatIsFalseSwitchesOn) {
  const auto file = parse_preset_file("[a]\nno-mmap = false\n", "p");
  EXPECT_THAT(file.models.at("a").settings.arguments(), ElementsAre("--mmap"));
}

TEST(PresetFile, TheNegativeVariableSwitchesOffWhateverItsValue) {
  const auto file = parse_preset_file("[a]\nLLAMA_ARG_NO_MMAP = whatever\n", "p");
  EXPECT_THAT(file.models.at("a").settings.arguments(), ElementsAre("--no-mmap"));
}

TEST(PresetFile, ASectionThatComesAgainGoesOn) {
  const auto file = parse_preset_file("[a]\nc = 1\n[b]\nc = 2\n[a]\nnp = 3\n", "p");
  EXPECT_THAT(file.models.at("a").settings.arguments(),
              ElementsAre("--ctx-size", "1", "--parallel", "3"));
}

TEST(PresetFile, ErrorsNameFileAndLine) {
  EXPECT_THAT(error_of("[a]\n\nctx-sise = 5\n"), HasSubstr("presets.ini:3: there is no option"));
  EXPECT_THAT(error_of("[a]\njust words\n"), HasSubstr("presets.ini:2: expected KEY = VALUE"));
  EXPECT_THAT(error_of("[a\n"), HasSubstr("presets.ini:1: a section ends with ']'"));
  EXPECT_THAT(error_of("[ ]\n"), HasSubstr("presets.ini:1: a section needs a name"));
  EXPECT_THAT(error_of("ctx-size = 1\n"), HasSubstr("presets.ini:1: 'ctx-size' stands above"));
  EXPECT_THAT(error_of("[a]\nembeddings = yes\n"),
              HasSubstr("presets.ini:2: embeddings: expected"));
  EXPECT_THAT(error_of("[a]\nstop-timeout = soon\n"), HasSubstr("presets.ini:2: stop-timeout"));
  EXPECT_THAT(error_of("[a]\nhelp = true\n"), HasSubstr("is no setting of a model"));
}

}  // namespace
}  // namespace llm::router
