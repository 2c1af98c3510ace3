#include "options/table.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"

namespace llm::options {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(OptionTable, NamesAndVariablesAreUniqueAndEveryRowIsExplained) {
  std::set<std::string_view> seen;
  for (const Row& row : rows()) {
    EXPECT_FALSE(row.help.empty()) << row.names;
    EXPECT_FALSE(row.help.ends_with('.')) << row.names;
    for (const auto list : {row.names, row.negative, row.env})
      for (const auto name : split_names(list)) EXPECT_TRUE(seen.insert(name).second) << name;
    for (const auto name : split_names(row.env))
      EXPECT_TRUE(name.starts_with("LLAMA_") || name == "HF_TOKEN") << name;
  }
}

TEST(OptionTable, SupportedRowsReachADestinationOrSayThatTheyHaveNoEffect) {
  for (const Row& row : rows()) {
    if (row.status != Status::supported) continue;
    const bool has_destination =
        !std::holds_alternative<std::monostate>(row.to) || row.apply || !row.expands.empty();
    EXPECT_NE(has_destination, !row.notice.empty()) << row.names;
    if (!row.notice.empty()) {
      EXPECT_THAT(std::string(row.help), testing::HasSubstr("no effect"));
    }
    EXPECT_FALSE(row.adds_up && !row.apply) << row.names;
  }
}

/// Every `--flag`, `-flag` in the first column of the reference's tables.
std::set<std::string> flags_of_the_reference(const std::string& text) {
  std::set<std::string> flags;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool is_row = line.starts_with("| `-");
    const bool is_removed_list = line.starts_with("Removed, now an error");
    if (!is_row && !is_removed_list) continue;
    const auto end = is_row ? line.find(" | ") : line.size();
    for (auto at = line.find("`-"); at < end; at = line.find("`-", at + 1)) {
      const auto close = line.find_first_of("` ", at + 1);
      flags.insert(line.substr(at + 1, close - at - 1));
    }
  }
  return flags;
}

/// Every name in the second column, in full.
std::set<std::string> variables_of_the_reference(const std::string& text) {
  std::set<std::string> variables;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `-")) continue;
    const auto begin = line.find(" | ");
    const auto end = line.find(" |", begin + 2);
    for (auto at = line.find('`', begin); at < end; at = line.find('`', at + 1)) {
      const auto close = line.find('`', at + 1);
      const auto name = line.substr(at + 1, close - at - 1);
      at = close;
      if (name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != name.npos) continue;
      const bool is_full = name.starts_with("LLAMA_") || name == "HF_TOKEN";
      variables.insert(is_full ? name : "LLAMA_ARG_" + name);
    }
  }
  return variables;
}

TEST(OptionTable, EveryFlagAndVariableOfTheReferenceIsInARow) {
  const char* shared = std::getenv("LLAMA_SHARED");
  const std::string path = std::string(shared ? shared : SOURCE_DIR "/../shared");
  const std::string text = file_text(path + "/reference/cli.md");
  if (text.empty()) GTEST_SKIP() << "the reference is not here";
  std::set<std::string> known;
  for (const Row& row : rows())
    for (const auto list : {row.names, row.negative, row.env})
      for (const auto name : split_names(list)) known.emplace(name);
  const auto flags = flags_of_the_reference(text);
  const auto variables = variables_of_the_reference(text);
  EXPECT_GT(flags.size(), 300u);
  EXPECT_GT(variables.size(), 100u);
  for (const auto& flag : flags) EXPECT_TRUE(known.contains(flag)) << flag;
  for (const auto& variable : variables) EXPECT_TRUE(known.contains(variable)) << variable;
}

TEST(OptionTable, TheDocsPageIsInStep) {
  const std::string path = SOURCE_DIR "/docs/flags.md";
  if (std::getenv("LLAMA_WRITE_DOCS")) std::ofstream(path) << options_markdown();
  EXPECT_EQ(file_text(path), options_markdown()) << "LLAMA_WRITE_DOCS=1 writes the page anew";
}

TEST(OptionTable, HelpIsAlignedAndNamesTheRefusedFlags) {
  const std::string text = help("llama-server");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
  EXPECT_THAT(text, testing::HasSubstr("\n  -c, --ctx-size N                tokens of KV cache"));
  EXPECT_THAT(text, testing::HasSubstr("[LLAMA_ARG_PORT]"));
  EXPECT_THAT(text, testing::HasSubstr("--spec-draft-model"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("--no-jinja")));
}

TEST(OptionTable, VersionNamesProgramAndCompiler) {
  EXPECT_THAT(version(), testing::MatchesRegex("version: [0-9.]+ \\([0-9a-z]+\\)\nbuilt with .+ "
                                               "for .+\n"));
  EXPECT_THAT(build_info(), testing::MatchesRegex("[0-9.]+-[0-9a-z]+"));
}

}  // namespace
}  // namespace llm::options
