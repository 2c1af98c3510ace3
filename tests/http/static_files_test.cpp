#include "http/static_files.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "http/test_server.h"

namespace llm::http {
namespace {

namespace fs = std::filesystem;

class StaticFiles : public testing::Test {
 protected:
  StaticFiles() {
    fs::create_directories(root() + "/sub/.git");
    fs::create_directories(root() + "/.well-known");
    directory.write("root/index.html", "<!doctype html><title>demo</title>");
    directory.write("root/note.txt", "hello from a static file\n");
    directory.write("root/sub/index.html", "sub");
    directory.write("root/sub/.git/config", "hidden");
    directory.write("root/.env", "hidden");
    directory.write("root/.well-known/x.json", "{}");
    directory.write("root/empty.css", "");
    directory.write("root/data.bin", std::string(300000, 'b'));
    directory.write("secret.txt", "outside");
    fs::create_symlink("../secret.txt", root() + "/link.txt");
    fs::create_symlink("note.txt", root() + "/inside.txt");
  }
  std::string root() const { return directory.path() + "/root"; }

  TemporaryDirectory directory;
};

TEST_F(StaticFiles, AreFoundBelowTheDirectoryOnly) {
  const auto canonical = fs::canonical(root());
  const auto is_found = [&](const char* path) {
    return find_static_file(canonical, path).has_value();
  };
  for (const char* path : {"/", "/index.html", "/sub/", "/note.txt", "/inside.txt",
                           "/.well-known/x.json", "/sub//index.html"})
    EXPECT_TRUE(is_found(path)) << path;
  for (const char* path :
       {"/../secret.txt", "/sub/../../secret.txt", "/link.txt", "/.env", "/sub/.git/config", "/sub",
        "/none", "//etc/passwd", "/..\\secret.txt", "note.txt", "", "/.well-known/../.env"})
    EXPECT_FALSE(is_found(path)) << path;
}

TEST_F(StaticFiles, AreServedWithTypeRangeAndValidators) {
  TestServer server([&](ServerSettings& settings) { settings.static_path = root(); });
  const auto note = server.ask("GET", "/note.txt");
  EXPECT_EQ(note.status, 200);
  EXPECT_EQ(note.body, "hello from a static file\n");
  EXPECT_EQ(note["content-type"], "text/plain");
  EXPECT_THAT(note["etag"], testing::MatchesRegex("W/\"[0-9a-f]+-19\""));
  EXPECT_THAT(note["last-modified"], testing::HasSubstr(" GMT"));
  EXPECT_EQ(server.ask("GET", "/sub/").body, "sub");

  const auto part = server.ask("GET", "/note.txt", "", "Range: bytes=0-4\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "hello");
  EXPECT_EQ(part["content-range"], "bytes 0-4/25");
  EXPECT_EQ(server.ask("GET", "/note.txt", "", "Range: bytes=99-\r\n").status, 416);

  const auto head = server.ask("HEAD", "/note.txt");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head["content-length"], "25");
  EXPECT_EQ(head["accept-ranges"], "bytes");

  const auto again = server.ask("GET", "/note.txt", "", "If-None-Match: " + note["etag"] + "\r\n");
  EXPECT_EQ(again.status, 304);
  EXPECT_FALSE(again.has("content-length"));
  const auto since =
      server.ask("GET", "/note.txt", "", "If-Modified-Since: " + note["last-modified"] + "\r\n");
  EXPECT_EQ(since.status, 304);

  EXPECT_EQ(server.ask("GET", "/empty.css")["content-length"], "0");
  EXPECT_EQ(server.ask("GET", "/data.bin").body, std::string(300000, 'b'));
}

TEST_F(StaticFiles, RoutesWinAndTheRestIsNotFound) {
  TestServer server([&](ServerSettings& settings) { settings.static_path = root(); });
  EXPECT_EQ(server.ask("GET", "/health").body, R"({"status":"ok"})");
  const auto missing = server.ask("GET", "/none.css");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body,
            R"({"error":{"message":"File Not Found","type":"not_found_error","code":404}})");
  EXPECT_EQ(server.ask("GET", "/%2e%2e/secret.txt").status, 404);
  EXPECT_EQ(server.ask("GET", "/../secret.txt").status, 404);
  EXPECT_EQ(server.ask("POST", "/note.txt", "x").status, 404);
}

TEST_F(StaticFiles, KeepAliveHoldsAndKeysAreNeededExceptForTheIndex) {
  TestServer server([&](ServerSettings& settings) {
    settings.static_path = root();
    settings.keys.keys = {"k"};
  });
  Client client(server.port());
  EXPECT_EQ(client.ask("GET", "/index.html").status, 200);
  EXPECT_EQ(client.ask("GET", "/index.html").status, 200);
  EXPECT_EQ(server.ask("GET", "/note.txt").status, 401);
  EXPECT_EQ(server.ask("GET", "/note.txt", "", "Authorization: Bearer k\r\n").status, 200);
}

TEST(StaticFilesSettings, ADirectoryMustExist) {
  ServerSettings settings;
  settings.port = 0;
  settings.static_path = "/no/such/place";
  EXPECT_THROW(Server(settings, {}), Error);
}

}  // namespace
}  // namespace llm::http
