#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"

namespace llm::log {
namespace {

/// Logs into a file, and back to the terminal at the end.
class LogFile {
 public:
  explicit LogFile(Format format)
      : path_(std::filesystem::temp_directory_path() /
              ("llm-log-test-" + std::to_string(::getpid()))) {
    set_up({.file = path_.string(), .timestamps = true, .prefix = true, .format = format});
  }
  ~LogFile() {
    set_up({});
    std::filesystem::remove(path_);
  }
  std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> out;
    for (std::string line; std::getline(file, line);) out.push_back(line);
    return out;
  }

 private:
  std::filesystem::path path_;
};

const Field kFields[] = {
    {"path", std::string("/a b\n\"c\"")}, {"status", std::int64_t{200}}, {"ms", 1.25}};

TEST(Log, ALineOfJsonHasItsFieldsAsTheyAre) {
  const LogFile file(Format::json);
  write(Level::info, "req-1", "request", kFields);
  warn("no request: {}\nsecond line", 7);
  const auto lines = file.lines();
  ASSERT_EQ(lines.size(), 2u);
  const Json first = Json::parse(lines[0]);
  EXPECT_EQ(first["level"], "info");
  EXPECT_EQ(first["message"], "request");
  EXPECT_EQ(first["request_id"], "req-1");
  EXPECT_EQ(first["path"], "/a b\n\"c\"");
  EXPECT_EQ(first["status"], 200);
  EXPECT_EQ(first["ms"], 1.25);
  EXPECT_TRUE(first["time"].get<std::string>().ends_with("Z"));
  const Json second = Json::parse(lines[1]);
  EXPECT_EQ(second["message"], "no request: 7\nsecond line");
  EXPECT_FALSE(second.contains("request_id"));
}

TEST(Log, ALineOfTextStaysOneLineWhateverClientsSend) {
  const LogFile file(Format::text);
  write(Level::info, "req-1", "request", kFields);
  warn("a\r\n2026-01-01 I forged\x1b[31m");
  const auto lines = file.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].ends_with(R"(I request id=req-1 path="/a b\x0a"c"" status=200 ms=1.2)"))
      << lines[0];
  EXPECT_TRUE(lines[1].ends_with(R"(W a\x0d\x0a2026-01-01 I forged\x1b[31m)")) << lines[1];
}

TEST(Log, InvalidUtf8BecomesReplacementCharactersInJson) {
  const LogFile file(Format::json);
  info("\xff");
  EXPECT_EQ(Json::parse(file.lines().at(0))["message"], "\xef\xbf\xbd");
}

TEST(Log, WhatIsBelowTheLevelIsNotWritten) {
  const LogFile file(Format::json);
  write(Level::debug, "x", "hidden");
  EXPECT_TRUE(file.lines().empty());
}

TEST(Log, ALineOfAnotherProcessStaysTheObjectThatItIs) {
  const LogFile file(Format::json);
  relay("small", R"({"time":"t","level":"warning","message":"m","request_id":"r-1","ms":1.5})");
  relay("small", "no object");
  relay("small", "[1]");
  const auto lines = file.lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(
      lines[0],
      R"({"time":"t","level":"warning","message":"m","request_id":"r-1","ms":1.5,"model":"small"})");
  const Json second = Json::parse(lines[1]);
  EXPECT_EQ(second["message"], "no object");
  EXPECT_EQ(second["model"], "small");
  EXPECT_EQ(second["level"], "info");
  EXPECT_EQ(Json::parse(lines[2])["message"], "[1]");
}

TEST(Log, ALineOfAnotherProcessIsBehindItsNameInText) {
  const LogFile file(Format::text);
  relay("small", "a line {}");
  ASSERT_EQ(file.lines().size(), 1u);
  EXPECT_TRUE(file.lines()[0].ends_with("[small] a line {}")) << file.lines()[0];
}

}  // namespace
}  // namespace llm::log
