#include "router/preset_file.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace llm::router {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string error_of(std::string_view text, PresetOrigin origin = PresetOrigin::operators_own) {
  try {
    parse_preset_file(text, "presets.ini", origin);
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

TEST(PresetFile, OneOfARepositoryNamesRepositoriesAndHowToSample) {
  const char* text =
      "[*]\nctx-size = 512\nload-on-startup = true\n"
      "[small]\nhf-repo = me/small\ntemp = 0.2\nc = 1024\nno-mmap = true\nembeddings = true\n";
  EXPECT_EQ(error_of(text, PresetOrigin::repository), "no error");
}

TEST(PresetFile, OneOfARepositoryReachesNothingElseOfThisMachine) {
  for (const char* line :
       {"model = /etc/passwd", "m = x.gguf", "LLAMA_ARG_MODEL = x.gguf",
        "model-url = http://10.0.0.1/x", "lora = x.gguf", "log-file = /tmp/x",
        "request-log = /tmp/x", "slot-save-path = /tmp", "grammar-file = /etc/passwd",
        "json-schema-file = /etc/passwd", "chat-template-file = /etc/passwd", "path = /",
        "hf-token = x", "host = 0.0.0.0", "threads = 1000", "mlock = true"})
    EXPECT_THAT(error_of(std::string("[a]\nhf-repo = me/a\n") + line, PresetOrigin::repository),
                AllOf(HasSubstr("presets.ini:3: '"), HasSubstr("--models-preset")))
        << line;
}

TEST(PresetFile, WhatOneOfARepositoryMaySayIsSomething) {
  // Every listed name is one of a flag: else nothing could be said by it.
  for (const char* key : {"hf-file", "alias", "parallel", "cache-type-k", "kv-unified",
                          "gpu-layers", "flash-attn", "rerank", "reranking", "embedding", "pooling",
                          "jinja", "reasoning-budget-message", "yarn-orig-ctx"})
    EXPECT_THAT(error_of(std::string("[a]\n") + key + " = true", PresetOrigin::repository),
                Not(AnyOf(HasSubstr("more than"), HasSubstr("there is no option"))))
        << key;
}

}  // namespace
}  // namespace llm::router
