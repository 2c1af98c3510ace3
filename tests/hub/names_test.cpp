#include "hub/names.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace llm::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<RemoteFile> files_of(std::vector<const char*> paths) {
  std::vector<RemoteFile> files;
  for (const char* path : paths) files.push_back({.path = path, .size = 1});
  return files;
}

std::vector<std::string> chosen(const RepoName& name, std::vector<const char*> paths,
                                std::string_view file = "") {
  std::vector<std::string> out;
  for (const auto& part : choose_files(name, file, files_of(std::move(paths))).parts)
    out.push_back(part.path);
  return out;
}

std::string refusal(const RepoName& name, std::vector<const char*> paths,
                    std::string_view file = "") {
  try {
    chosen(name, std::move(paths), file);
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(RepoNames, AQuantFollowsTheColon) {
  const auto name = parse_repo("--hf-repo", "ggml-org/gemma-3.1_b:q4_0");
  EXPECT_EQ(name.repo, "ggml-org/gemma-3.1_b");
  EXPECT_EQ(name.quant, "q4_0");
  EXPECT_EQ(parse_repo("--hf-repo", "a/b").quant, "");
}

TEST(RepoNames, WhatCouldLeaveAFolderOrAnAddressIsRefused) {
  for (const char* text : {"",     "a",       "a/",    "/b",      "a/b/c",       "../b",   "a/..",
                           "a/b:", "a/b:c:d", "a/b?x", "a/b#",    "a/b c",       "a/b%2e", "a\\b/c",
                           "-a/b", ".a/b",    "a/b\n", "a/b.git", "a/b:../../x", "a//b"})
    EXPECT_THROW(parse_repo("--hf-repo", text), Error) << text;
  EXPECT_THROW(parse_repo("--hf-repo", std::string(97, 'a') + "/b"), Error);
}

TEST(DockerNames, RepositoryAndTagHaveDefaults) {
  EXPECT_EQ(parse_docker("-dr", "smollm2").repo, "ai/smollm2");
  EXPECT_EQ(parse_docker("-dr", "smollm2").tag, "latest");
  EXPECT_EQ(parse_docker("-dr", "me/x:Q8").repo, "me/x");
  EXPECT_EQ(parse_docker("-dr", "me/x:Q8").tag, "Q8");
  for (const char* text : {"", ":x", "a/b/c", "a:", "../a", "a/b:c/d"})
    EXPECT_THROW(parse_docker("-dr", text), Error) << text;
}

TEST(Paths, OnlyPlainRelativeOnesPass) {
  for (const char* path : {"a", "a/b.gguf", "..a/b", "a b/c"}) EXPECT_TRUE(is_plain_path(path));
  for (const char* path : {"", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a\\b", "a\nb"})
    EXPECT_FALSE(is_plain_path(path)) << path;
}

TEST(Splits, PartsAreNamedByNumberAndCount) {
  const auto split = split_name("dir/model-Q8_0-00002-of-00003.gguf");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->part, 2);
  EXPECT_EQ(split->count, 3);
  EXPECT_EQ(split->part_name(1), "dir/model-Q8_0-00001-of-00003.gguf");
  for (const char* path : {"model.gguf", "m-00000-of-00003.gguf", "m-00004-of-00003.gguf",
                           "m-0001-of-00003.gguf", "-00001-of-00003.gguf", "m-000a1-of-00003.gguf"})
    EXPECT_FALSE(split_name(path)) << path;
}

TEST(Quants, AreReadFromFileNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"gemma-3-4b-it-Q4_K_M.gguf", "Q4_K_M"},
      {"qwen2.5-coder-1.5b-q8_0.gguf", "Q8_0"},
      {"model.IQ4_XS.gguf", "IQ4_XS"},
      {"BF16/Model-BF16-00001-of-00002.gguf", "BF16"},
      {"Model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"},
      {"gpt-oss-20b-mxfp4.gguf", "MXFP4"},
      {"model_f16.gguf", "F16"},
      {"stories260K.gguf", "STORIES260K"},
      {"some-model.gguf", "MODEL"}};
  for (const auto& [path, quant] : cases) EXPECT_EQ(quant_of(path), quant) << path;
}

TEST(Choice, WithoutAQuantQ4KMComesFirstThenTheFirstModel) {
  EXPECT_THAT(chosen({"a/b", ""}, {"m-IQ1.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf"}),
              ElementsAre("m-Q4_K_M.gguf"));
  EXPECT_THAT(chosen({"a/b", ""}, {"README.md", "imatrix.gguf", "mmproj-m.gguf", "m-Q8_0.gguf"}),
              ElementsAre("m-Q8_0.gguf"));
}

TEST(Choice, AQuantIsAWholeWordInAnyCase) {
  const std::vector<const char*> files = {"m-IQ4_0.gguf", "m-Q4_K_M.gguf", "m-q4_0.gguf",
                                          "m-Q4_K.gguf"};
  EXPECT_THAT(chosen({"a/b", "q4_k"}, files), ElementsAre("m-Q4_K.gguf"));
  EXPECT_THAT(chosen({"a/b", "Q4_0"}, files), ElementsAre("m-q4_0.gguf"));
  EXPECT_THAT(refusal({"a/b", "Q9"}, files), HasSubstr("it has IQ4_0, Q4_0, Q4_K, Q4_K_M"));
}

TEST(Choice, AFileBeatsTheQuantAndMustBeThere) {
  EXPECT_THAT(chosen({"a/b", "Q8_0"}, {"x.gguf", "m-Q8_0.gguf"}, "x.gguf"), ElementsAre("x.gguf"));
  EXPECT_THAT(refusal({"a/b", ""}, {"x.gguf"}, "y.gguf"), HasSubstr("no file 'y.gguf'"));
}

TEST(Choice, AllPartsOfASplitModelComeTogether) {
  EXPECT_THAT(
      chosen({"a/b", "Q8_0"}, {"d/m-Q8_0-00001-of-00002.gguf", "d/m-Q8_0-00002-of-00002.gguf"}),
      ElementsAre("d/m-Q8_0-00001-of-00002.gguf", "d/m-Q8_0-00002-of-00002.gguf"));
  EXPECT_THAT(refusal({"a/b", ""}, {"m-Q8_0-00001-of-00002.gguf"}),
              HasSubstr("m-Q8_0-00002-of-00002.gguf is missing"));
}

TEST(Choice, ARepositoryWithoutModelsSaysSo) {
  EXPECT_THAT(refusal({"a/b", ""}, {"README.md", "mmproj.gguf"}), HasSubstr("no GGUF file"));
  EXPECT_THAT(refusal({"a/b", "Q8_0"}, {"README.md"}), HasSubstr("no GGUF file"));
}

TEST(Choice, APresetFileIsMeantWhereThereIsNoModel) {
  const auto choice = choose_files({"a/b", ""}, "", files_of({"README.md", "preset.ini"}));
  EXPECT_TRUE(choice.is_preset);
  EXPECT_EQ(choice.parts.at(0).path, "preset.ini");
  EXPECT_FALSE(choose_files({"a/b", ""}, "", files_of({"m.gguf", "preset.ini"})).is_preset);
  EXPECT_THAT(refusal({"a/b", "Q8_0"}, {"preset.ini"}), HasSubstr("no GGUF file"));
}

TEST(Choice, TheProjectorIsFoundBesideTheModel) {
  const auto choice = choose_files({"a/b", ""}, "", files_of({"m.gguf", "mmproj-F16.gguf"}));
  EXPECT_EQ(choice.projector, "mmproj-F16.gguf");
}

}  // namespace
}  // namespace llm::hub
