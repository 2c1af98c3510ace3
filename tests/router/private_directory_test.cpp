#include "router/private_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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

TEST_F(PrivateDirectoryTest, WhatWasLeftBehindIsRemovedAndWhatIsInUseIsNot) {
  const auto old = folder_.write("llama-router-dead00/1-1.sock");
  const auto other = folder_.write("something-else/file");
  const PrivateDirectory first;
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(other));
  const PrivateDirectory second;
  EXPECT_TRUE(std::filesystem::exists(first.path()));
  EXPECT_NE(first.path(), second.path());
}

}  // namespace
}  // namespace llm::router
