// What the log of requests keeps.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "server/observe/prompt_files.h"
#include "server/observe/request_log.h"

namespace llm::server {
namespace {

namespace fs = std::filesystem;

class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "llm-observe-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

RequestRecord record(std::string body) {
  RequestRecord one{.time = {},
                    .id = "id-1",
                    .path = "/v1/completions",
                    .body = std::move(body),
                    .status = 200,
                    .ms = 12.5,
                    .notes = {}};
  one.notes.fields = {{"prompt_tokens", std::int64_t{5}}, {"prompt_ms", 2.5}};
  one.notes.texts = {"a secret reply"};
  return one;
}

TEST(RequestRecord, SaysWhatWasAskedAndAnswered) {
  const Json json = record_json(record(R"({"prompt":"hi","n":2})"), false);
  EXPECT_EQ(json["time"], "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(json["id"], "id-1");
  EXPECT_EQ(json["path"], "/v1/completions");
  EXPECT_EQ(json["body"], Json::parse(R"({"prompt":"hi","n":2})"));
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["tokens"]["prompt"], 5);
  EXPECT_EQ(json["timings"]["prompt_ms"], 2.5);
  EXPECT_EQ(json["timings"]["total_ms"], 12.5);
  EXPECT_EQ(json["reply"], Json::array({"a secret reply"}));
}

TEST(RequestRecord, ABodyThatIsNoJsonIsAText) {
  EXPECT_EQ(record_json(record("{oops"), false)["body"], "{oops");
  EXPECT_EQ(record_json(record("{oops"), true)["body"]["bytes"], 5);
}

TEST(RequestRecord, KeysAreTakenOutAtAnyDepth) {
  const std::string body =
      R"({"api_key":"k-123","tools":[{"headers":{"Authorization":"Bearer k-123"}}]})";
  const std::string text = record_json(record(body), false).dump();
  EXPECT_EQ(text.find("k-123"), text.npos) << text;
}

TEST(RequestRecord, RedactionLeavesNoTextOfTheUserBehind) {
  const std::string body = R"({
    "model":"demo","temperature":0.5,"stream":true,"seed":7,
    "messages":[{"role":"user","content":"secret one","name":"secret two"},
                {"role":"user","content":[{"type":"text","text":"secret three"}]},
                {"role":"assistant","tool_calls":[{"function":{"arguments":"secret four"}}]}],
    "prompt":[1,2,3],"input":["secret five"],"stop":"secret six","user":"secret seven",
    "Secret Name":1,"logit_bias":{"secret eight":-1},
    "response_format":{"type":"json_schema","schema":{"title":"secret nine"}}})";
  RequestRecord one = record(body);
  one.notes.fields.push_back({"error", std::string("it said: secret ten")});
  const Json json = record_json(one, true);
  const std::string text = json.dump();
  EXPECT_EQ(text.find("secret"), text.npos) << text;
  EXPECT_EQ(text.find("Secret"), text.npos) << text;
  EXPECT_EQ(json["body"]["model"], "demo");
  EXPECT_EQ(json["body"]["temperature"], 0.5);
  EXPECT_EQ(json["body"]["messages"][0]["role"], "user");
  EXPECT_EQ(json["body"]["messages"][0]["content"]["bytes"], 10);
  EXPECT_FALSE(json["body"]["prompt"].is_array());  // tokens are a text, too
  EXPECT_EQ(json["reply"][0]["bytes"], 14);
}

TEST(RequestRecord, EqualTextsHaveEqualHashes) {
  const auto hash = [](const char* body) {
    return record_json(record(body), true)["body"]["prompt"]["hash"];
  };
  EXPECT_EQ(hash(R"({"prompt":"a"})"), hash(R"({"prompt":"a"})"));
  EXPECT_NE(hash(R"({"prompt":"a"})"), hash(R"({"prompt":"b"})"));
}

TEST(RequestLog, WritesOneLinePerRecordForItsOwnerOnly) {
  const Directory directory;
  const std::string path = directory / "log.jsonl";
  {
    RequestLog log({.path = path});
    log.add(record(R"({"prompt":"line\nbreak"})"));
    log.add(record("{}"));
  }
  ASSERT_EQ(lines_of(path).size(), 2u);
  EXPECT_EQ(Json::parse(lines_of(path)[0])["body"]["prompt"], "line\nbreak");
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  {
    RequestLog log({.path = path});  // goes on with what is there
    log.add(record("{}"));
  }
  EXPECT_EQ(lines_of(path).size(), 3u);
}

TEST(RequestLog, KeepsAtMostTwoFilesOfTheGivenSize) {
  const Directory directory;
  const std::string path = directory / "log.jsonl";
  {
    RequestLog log({.path = path, .max_bytes = 2000});
    for (int i = 0; i < 50; ++i) log.add(record("{}"));
  }
  EXPECT_LE(fs::file_size(path), 2000u);
  EXPECT_LE(fs::file_size(path + ".1"), 2000u);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), {}), 2);
  for (const std::string& line : lines_of(path)) EXPECT_TRUE(Json::accept(line));
}

TEST(RequestLog, WhatIsTooLargeIsCountedAndDropped) {
  const Directory directory;
  RequestLog log({.path = directory / "log.jsonl"});
  log.add(record(std::string(65 << 20, 'x')));
  EXPECT_EQ(log.dropped(), 1);
}

TEST(RequestLog, AFileThatCannotBeOpenedIsNamed) {
  EXPECT_THROW(RequestLog({.path = "/nowhere/at/all.jsonl"}), Error);
}

TEST(PromptFiles, AnIdCannotLeadOutOfTheDirectory) {
  const Directory directory;
  const PromptFiles files(directory / "made/for/it");
  files.write("../../../etc/passwd", "one");
  files.write("same", "two");
  files.write("same", "three");
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory / "made/for/it")) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_EQ(names.size(), 3u);
}

}  // namespace
}  // namespace llm::server
