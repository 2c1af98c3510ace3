// Texts of the network: lists of files, manifests, challenges, addresses, progress.
#include <gtest/gtest.h>

#include "base/error.h"
#include "hub/docker.h"
#include "hub/progress.h"
#include "hub/repository.h"
#include "hub/transfer.h"

namespace llm::hub {
namespace {

const std::string kSum(64, 'a');

TEST(HubApi, ATreeGivesSizesAndChecksums) {
  const auto files = parse_tree(
      R"([{"type":"directory","path":"d","oid":"1"},
          {"type":"file","path":"README.md","size":10,"oid":")" +
      std::string(40, 'b') + R"("},
          {"type":"file","path":"d/m.gguf","size":130,"oid":")" +
      std::string(40, 'c') + R"(","lfs":{"oid":")" + kSum +
      R"(","size":5000000000,"pointerSize":130}}])");
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].path, "README.md");
  EXPECT_EQ(files[0].sha256, "");
  EXPECT_EQ(files[0].blob, std::string(40, 'b'));
  EXPECT_EQ(files[1].size, 5000000000u);
  EXPECT_EQ(files[1].sha256, kSum);
  EXPECT_EQ(files[1].blob, kSum);
}

TEST(HubApi, EntriesThatCouldLeaveTheFolderAreLeftOut) {
  const auto entry = [](const std::string& path, const std::string& oid) {
    return R"([{"type":"file","path":")" + path + R"(","size":1,"oid":")" + oid + R"("}])";
  };
  EXPECT_EQ(parse_tree(entry("a", kSum)).size(), 1u);
  EXPECT_TRUE(parse_tree(entry("../a", kSum)).empty());
  EXPECT_TRUE(parse_tree(entry("/a", kSum)).empty());
  EXPECT_TRUE(parse_tree(entry("a", "../../etc/passwd")).empty());
  EXPECT_TRUE(parse_tree(R"([null,7,{},{"type":"file"},{"type":"file","path":[]}])").empty());
  for (const char* text : {"", "{}", "7", "[", R"({"error":"x"})"})
    EXPECT_THROW(parse_tree(text), TransferError) << text;
}

TEST(HubApi, PathsAreEscapedForAddresses) {
  EXPECT_EQ(escaped_path("d/a b#?%ä.gguf"), "d/a%20b%23%3F%25%C3%A4.gguf");
}

TEST(Docker, TheLayerWithTheModelIsFound) {
  const std::string manifest =
      R"({"layers":[{"mediaType":"application/vnd.docker.ai.license","digest":"sha256:00"},
          {"mediaType":"application/vnd.docker.ai.gguf.v3","size":12,"digest":"sha256:)" +
      kSum + R"("}]})";
  EXPECT_EQ(model_layer(manifest, "x").sha256, kSum);
  EXPECT_EQ(model_layer(manifest, "x").size, 12u);
  for (const char* text :
       {"", "[]", "{}", R"({"layers":{}})", R"({"layers":[7,{"mediaType":1}]})",
        R"({"layers":[{"mediaType":"application/vnd.docker.ai.gguf.v3","digest":"sha256:../x"}]})"})
    EXPECT_THROW(model_layer(text, "x"), TransferError) << text;
}

TEST(Docker, AChallengeSaysWhereTokensAreHad) {
  EXPECT_EQ(token_address(
                R"(Bearer realm="https://a/token",service="s.io",scope="repository:ai/x:pull")"),
            "https://a/token?service=s.io&scope=repository%3Aai/x%3Apull");
  EXPECT_EQ(token_address(R"(Bearer realm="https://a/t?x=1",service="s")"),
            "https://a/t?x=1&service=s");
  EXPECT_EQ(token_address("Basic realm=\"x\""), "");
  EXPECT_EQ(token_address(""), "");
  EXPECT_EQ(token_address("Bearer realm=\"x"), "");
}

TEST(WebAddresses, AreHttpOrHttpsWithAHost) {
  for (const char* url : {"http://h", "https://h:8/p?q", "http://[::1]/x"})
    EXPECT_TRUE(is_web_address(url)) << url;
  for (const char* url : {"", "http://", "http:///x", "ftp://h", "file:///etc/passwd", "h/x",
                          "HTTP//h", "http://h /x", "http://h\r\nEvil: 1", "gopher://h"})
    EXPECT_FALSE(is_web_address(url)) << url;
}

TEST(WebAddresses, AreShownWithoutSecrets) {
  EXPECT_EQ(shown("https://user:pass@h:8/p/f.gguf?sig=secret#x"), "https://h:8/p/f.gguf");
  EXPECT_EQ(shown("https://h/a@b"), "https://h/a@b");
  EXPECT_EQ(shown("https://h?token=x"), "https://h");
  EXPECT_EQ(shown("nonsense"), "nonsense");
}

TEST(ProgressReports, AlwaysIncludeTheEnd) {
  std::vector<FileProgress> reports;
  Progress progress("m", [&](const FileProgress& one) { reports.push_back(one); });
  progress.start(0);
  for (std::uint64_t done = 1; done <= 1000; ++done) progress.update(done, 1000);
  ASSERT_FALSE(reports.empty());
  EXPECT_LT(reports.size(), 100u) << "not for every piece";
  EXPECT_EQ(reports.back().file, "m");
  EXPECT_EQ(reports.back().done, 1000u);
  EXPECT_EQ(reports.back().total, 1000u);
}

TEST(ProgressLines, NameShareSizeSpeedAndRest) {
  EXPECT_EQ(progress_line("m.gguf", 12'300'000, 27'000'000, 5'200'000),
            "m.gguf: 46 %, 12.3 MB of 27.0 MB, 5.20 MB/s, 3 s left");
  EXPECT_EQ(progress_line("m", 1, 100'000'000'000, 10'000'000),
            "m: 0 %, 1 bytes of 100 GB, 10.0 MB/s, 2 h 46 min left");
  EXPECT_EQ(progress_line("m", 1'500'000, std::nullopt, 0), "m: 1.50 MB, 0 bytes/s");
  EXPECT_EQ(progress_line("m", 0, 600, 10),
            "m: 0 %, 0 bytes of 600 bytes, 10 bytes/s, 1 min 00 s left");
  EXPECT_EQ(human_size(999), "999 bytes");
  EXPECT_EQ(human_size(999'999), "1.00 MB");
}

}  // namespace
}  // namespace llm::hub
