// Options that say where the model comes from.
#include <gmock/gmock.h>

#include "base/error.h"
#include "options/parse_line.h"
#include "options/table.h"

namespace llm::options {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(DownloadOptions, EverySourceHasItsFlagAndVariable) {
  EXPECT_EQ(options_of({"-hf", "a/b:Q8_0"}).download.hf_repo, "a/b:Q8_0");
  EXPECT_EQ(options_of({"-hfr", "a/b"}).download.hf_repo, "a/b");
  EXPECT_EQ(options_of({}, {{"LLAMA_ARG_HF_REPO", "a/b"}}).download.hf_repo, "a/b");
  EXPECT_EQ(options_of({"-mu", "https://h/x.gguf"}).download.url, "https://h/x.gguf");
  EXPECT_EQ(options_of({"-dr", "smollm2"}).download.docker_repo, "smollm2");
  EXPECT_EQ(options_of({"-hf", "a/b", "-hff", "c.gguf"}).download.hf_file, "c.gguf");
  EXPECT_TRUE(options_of({"--offline"}).download.offline);
  EXPECT_TRUE(options_of({}, {{"LLAMA_ARG_OFFLINE", "1"}}).download.offline);
  EXPECT_EQ(parse_line({"-cl"}).action, ParseResult::Action::cache_list);
}

TEST(DownloadOptions, ATokenIsNeverRepeatedInAMessage) {
  EXPECT_EQ(options_of({}, {{"HF_TOKEN", "hf_secret"}}).download.hf_token, "hf_secret");
  EXPECT_EQ(options_of({"-hft", "other"}, {{"HF_TOKEN", "hf_secret"}}).download.hf_token, "other");
  const std::string error = error_of({"-hft", "hf_secret\r\nEvil: 1"});
  EXPECT_THAT(error, HasSubstr("--hf-token"));
  EXPECT_THAT(error, Not(HasSubstr("secret")));
}

TEST(DownloadOptions, TwoSourcesAreAMistakeUnlessTheCommandLineReplacesTheEnvironment) {
  EXPECT_THAT(error_of({"-m", "x.gguf", "-hf", "a/b"}),
              HasSubstr("--model and --hf-repo both name the model"));
  EXPECT_THAT(error_of({"-mu", "http://h/x", "-dr", "m"}), HasSubstr("--model-url and --docker"));
  const auto options = options_of({"-m", "x.gguf"}, {{"LLAMA_ARG_HF_REPO", "a/b"}});
  EXPECT_EQ(options.model.path, "x.gguf");
  EXPECT_EQ(options.download.hf_repo, "");
  EXPECT_THAT(error_of({"-hff", "x.gguf"}), HasSubstr("--hf-repo"));
  EXPECT_THAT(error_of({"-hf", "model"}), HasSubstr("USER/MODEL"));
}

TEST(DownloadOptions, EveryPresetNamesAModelAPortAndValuesThatPass) {
  int presets = 0;
  for (const Row& row : rows()) {
    if (row.expands.empty()) continue;
    ++presets;
    const auto options = options_of({std::string(row.names).c_str()});
    EXPECT_THAT(options.download.hf_repo, HasSubstr("ggml-org/")) << row.names;
    EXPECT_GE(options.http.port, 8011) << row.names;
  }
  EXPECT_EQ(presets, 7);
}

TEST(DownloadOptions, PresetsSetTheValuesOfTheReference) {
  const auto gemma = options_of({"--embd-gemma-default"});
  EXPECT_EQ(gemma.http.port, 8011);
  EXPECT_EQ(gemma.context.slots, 32);
  EXPECT_EQ(gemma.context.size, 32 * 2048);
  EXPECT_EQ(gemma.batch.size, 2048);
  EXPECT_EQ(gemma.batch.micro_size, 2048);
  EXPECT_TRUE(gemma.vectors.embeddings);
  const auto oss = options_of({"--gpt-oss-20b-default"});
  EXPECT_EQ(oss.http.port, 8013);
  EXPECT_EQ(oss.context.size, 2 * 131072);
  EXPECT_EQ(oss.batch.size, 32768);
  EXPECT_EQ(oss.sampling.temperature, 1.0f);
  EXPECT_EQ(oss.sampling.top_k, 0);
  EXPECT_EQ(oss.sampling.min_p, 0.01f);
  EXPECT_TRUE(oss.is_given("--temp")) << "the model file's own value must not win";
  const auto fim = options_of({"--fim-qwen-7b-default"});
  EXPECT_EQ(fim.http.port, 8012);
  EXPECT_EQ(fim.batch.size, 1024);
  EXPECT_EQ(fim.context.size, 0);
}

TEST(DownloadOptions, LaterOptionsOverrideAPresetWithoutANotice) {
  const auto result = parse_line({"--fim-qwen-7b-default", "--port", "9", "-hf", "a/b"},
                                 {{"LLAMA_ARG_MODEL", "x.gguf"}});
  EXPECT_EQ(result.options.http.port, 9);
  EXPECT_EQ(result.options.download.hf_repo, "a/b");
  EXPECT_EQ(result.options.download.hf_file, "") << "it belongs to the preset's repository";
  EXPECT_EQ(result.options.model.path, "");
  EXPECT_THAT(result.notices, testing::IsEmpty());
  const auto local = options_of({"--fim-qwen-7b-default", "-m", "mine.gguf"});
  EXPECT_EQ(local.model.path, "mine.gguf");
  EXPECT_EQ(local.download.hf_repo, "");
  EXPECT_EQ(local.batch.size, 1024);
}

}  // namespace
}  // namespace llm::options
