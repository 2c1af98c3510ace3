#include "router/catalog.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "router/temporary_folder.h"

namespace llm::router {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

options::Settings command_line(std::vector<const char*> argv) {
  argv.insert(argv.begin(), "llama-server");
  return options::Settings::from_arguments(static_cast<int>(argv.size()), argv.data());
}

options::Settings environment(std::map<std::string, std::string> variables) {
  return options::Settings::from_environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string error_of(const CatalogSources& sources) {
  try {
    read_catalog(sources);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Catalog, FromTheWeakestEnvironmentAllSectionCommandLine) {
  const TemporaryFolder dir;
  const auto presets = dir.write("presets.ini",
                                 "[*]\nctx-size = 2\nnp = 2\nub = 2\n"
                                 "[a]\nmodel = a.gguf\nnp = 3\nub = 3\n");
  const auto catalog = read_catalog({.preset_path = presets,
                                     .command_line = command_line({"-ub", "4"}),
                                     .environment = environment({{"LLAMA_ARG_CTX_SIZE", "1"},
                                                                 {"LLAMA_ARG_N_PARALLEL", "1"},
                                                                 {"LLAMA_ARG_UBATCH", "1"},
                                                                 {"LLAMA_ARG_BATCH", "100"}})});
  EXPECT_THAT(catalog.at("a").settings.arguments(),
              ElementsAre("--batch-size", "100", "--ctx-size", "2", "--model", "a.gguf",
                          "--parallel", "3", "--ubatch-size", "4"));
}

TEST(Catalog, WhatBelongsToTheDoorIsNotPassedOn) {
  const TemporaryFolder dir;
  dir.write("m.gguf");
  const auto catalog = read_catalog(
      {.models_dir = dir.path(),
       .command_line = command_line({"--models-dir", "x", "--models-max", "2", "--host", "0.0.0.0",
                                     "--port", "80", "--api-key", "secret", "--api-prefix", "/p",
                                     "--cors-origins", "*", "--alias", "one", "--metrics"}),
       .environment = environment({{"LLAMA_API_KEY", "secret"}, {"LLAMA_LOG_FILE", "log"}})});
  EXPECT_THAT(catalog.at("m").settings.arguments(),
              ElementsAre("--metrics", "--model", dir / "m.gguf"));
  EXPECT_THAT(catalog.at("m").aliases, IsEmpty());
}

TEST(Catalog, ASectionRefinesAFoundModel) {
  const TemporaryFolder dir;
  dir.write("m.gguf");
  dir.write("n.gguf");
  const auto presets = dir.write("presets.ini",
                                 "[m]\nalias = one, uno\ntags = demo,small\ntemp = 0\n"
                                 "load-on-startup = true\nstop-timeout = 3\n");
  const auto catalog = read_catalog({.models_dir = dir.path(), .preset_path = presets});
  const auto& m = catalog.at("m");
  EXPECT_THAT(m.aliases, ElementsAre("one", "uno"));
  EXPECT_THAT(m.tags, ElementsAre("demo", "small"));
  EXPECT_EQ(m.source, Source::preset);
  EXPECT_TRUE(m.load_on_startup);
  EXPECT_EQ(m.stop_timeout_s, 3);
  EXPECT_THAT(m.settings.arguments(), Not(Contains("--alias")));
  EXPECT_THAT(m.settings.arguments(), Contains("demo,small"));
  EXPECT_EQ(m.preset, fmt::format("[m]\ntemperature = 0\nmodel = {}\nload-on-startup = true\n"
                                  "stop-timeout = 3\n\n",
                                  dir / "m.gguf"));
  EXPECT_EQ(catalog.at("n").source, Source::models_dir);
  EXPECT_EQ(catalog.at("n").stop_timeout_s, 10);
}

TEST(Catalog, ModelsOfTheCacheAreModels) {
  const auto catalog = read_catalog({.cached = {{"user/repo:Q4_0", "/cache/x.gguf", ""}}});
  EXPECT_EQ(catalog.at("user/repo:Q4_0").source, Source::cache);
}

TEST(Catalog, MistakesAreErrorsThatNameTheModel) {
  const TemporaryFolder dir;
  dir.write("m.gguf");
  const auto with = [&](const char* text) {
    return error_of({.models_dir = dir.path(), .preset_path = dir.write("presets.ini", text)});
  };
  EXPECT_THAT(with("[x]\nctx-size = 5\n"), HasSubstr("model 'x': it names no model"));
  EXPECT_THAT(with("[m]\nctx-size = many\n"), HasSubstr("model 'm': --ctx-size: expected"));
  EXPECT_THAT(with("[*]\nctx-size = many\n"), HasSubstr("model 'm': --ctx-size: expected"));
  EXPECT_THAT(with("[x]\nmodel = x.gguf\nalias = m\n"), HasSubstr("its alias 'm'"));
  EXPECT_THAT(with("[*]\nalias = m\n"), HasSubstr("an alias is the name of one model"));
  EXPECT_THAT(error_of({.preset_path = "/no/such.ini"}), HasSubstr("/no/such.ini"));
}

TEST(Catalog, ASecretIsNotShown) {
  if (!options::is_supported("--hf-token")) GTEST_SKIP() << "there is no such option yet";
  const TemporaryFolder dir;
  const auto presets = dir.write("presets.ini", "[m]\nmodel = m.gguf\nhf-token = hush\n");
  const auto catalog = read_catalog({.preset_path = presets});
  EXPECT_THAT(catalog.at("m").preset, Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace llm::router
