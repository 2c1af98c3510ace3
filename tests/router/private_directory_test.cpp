#include "router/private_directory.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "router/temporary_folder.h"

namespace llm::router {
namespace {

class PrivateDirectoryTest : public testing::Test {
 protected:
  PrivateDirectoryTest() { ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1); }
  ~PrivateDirectoryTest() override { ::unsetenv("XDG_RUNTIME_DIR"); }
  TemporaryFolder folder_;
};

TEST_F(PrivateDirectoryTest, OnlyItsUserMayEnterAndItIsGoneAtTheEnd) {
  std::string path;
  {
    const PrivateDirectory directory;
    path = directory.path();
    EXPECT_TRUE(path.starts_with(folder_.path()));
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

/// What a process that was killed leaves behind.
void make_socket(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
}

TEST_F(PrivateDirectoryTest, WhatWasLeftBehindIsRemovedAndWhatIsInUseIsNot) {
  const auto old = folder_ / "llama-server-sockets-dead00/1-1.sock";
  make_socket(old);
  const auto other = folder_.write("llama-server-sockets-of-somebody/file");
  const PrivateDirectory first;
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(old).parent_path()));
  EXPECT_TRUE(std::filesystem::exists(other)) << "it is no socket, so it is not ours";
  const PrivateDirectory second;
  EXPECT_TRUE(std::filesystem::exists(first.path()));
  EXPECT_NE(first.path(), second.path());
}

}  // namespace
}  // namespace llm::router
