#include "base/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"

namespace llm {
namespace {

class MappedFiles : public testing::Test {
 protected:
  void SetUp() override { std::ofstream(path_, std::ios::binary) << "some bytes"; }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_ =
      std::filesystem::temp_directory_path() / ("mapped-file-test-" + std::to_string(::getpid()));
};

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST_F(MappedFiles, HoldTheSameBytesMappedReadAndLocked) {
  for (const auto mode : {MappedFile::Mode::map, MappedFile::Mode::read}) {
    for (const bool lock : {false, true}) {
      const MappedFile file(path_, mode, lock);
      file.prefetch();
      EXPECT_EQ(text_of(file), "some bytes");
    }
  }
}

TEST_F(MappedFiles, MayBeEmpty) {
  std::filesystem::resize_file(path_, 0);
  for (const auto mode : {MappedFile::Mode::map, MappedFile::Mode::read})
    EXPECT_TRUE(MappedFile(path_, mode, true).bytes().empty());
}

TEST_F(MappedFiles, ReadBytesDoNotChangeWithTheFile) {
  const MappedFile file(path_, MappedFile::Mode::read);
  std::ofstream(path_, std::ios::binary) << "SOME BYTES";
  EXPECT_EQ(text_of(file), "some bytes");
}

TEST_F(MappedFiles, WhatCannotBeOpenedIsNamedWithTheReason) {
  try {
    MappedFile(path_ + ".absent", MappedFile::Mode::map);
    FAIL() << "an absent file was opened";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(path_ + ".absent"));
    EXPECT_THAT(error.what(), testing::HasSubstr("No such file"));
  }
}

}  // namespace
}  // namespace llm
