// Holds the house to its plan (docs/architecture.md): a room includes only rooms on lower floors.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>

namespace {

namespace fs = std::filesystem;

// Rooms of one floor do not include each other, but for the pairs below.
const std::map<std::string, int> kFloors = {
    {"base", 1},     {"quant", 2},   {"http", 2},    {"options", 2},   {"gguf", 3},
    {"router", 3},   {"hub", 3},     {"compute", 3}, {"tokenizer", 4}, {"model", 4},
    {"sampling", 5}, {"grammar", 5}, {"chat", 6},    {"engine", 7},    {"server", 8}};

struct Include {
  std::string from_file, from_room, to_room;
};

std::vector<Include> includes_of(const fs::path& source) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*"([a-z_]+)/)re");
  std::vector<Include> found;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    const std::string file = fs::relative(entry.path(), source).string();
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (std::regex_search(line, match, kInclude)) {
        found.push_back({file, file.substr(0, file.find('/')), match[1]});
      }
    }
  }
  return found;
}

TEST(Floors, EveryFolderIsARoomOfThePlan) {
  for (const auto& entry : fs::directory_iterator(SOURCE_DIR "/src")) {
    EXPECT_TRUE(kFloors.contains(entry.path().filename())) << entry.path() << " has no floor";
  }
}

TEST(Floors, ARoomIncludesOnlyLowerRooms) {
  const auto includes = includes_of(SOURCE_DIR "/src");
  ASSERT_GT(includes.size(), 50u) << "the scan finds nothing";
  for (const auto& [file, from, to] : includes) {
    if (from == to || !kFloors.contains(to)) continue;
    EXPECT_LT(kFloors.at(to), kFloors.at(from)) << "src/" << file << " includes " << to << "/";
  }
}

TEST(Floors, ProgramsOnlyWireRoomsTogether) {
  for (const auto& [file, from, to] : includes_of(SOURCE_DIR "/src")) {
    EXPECT_NE(to, "apps") << "src/" << file;
  }
}

}  // namespace
