#include "hub/part_file.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "folder.h"
#include "hub/download.h"

namespace llm::hub {
namespace {

// SHA-256 of "abc", FIPS 180-2, appendix B.1.
const char* const kSumOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Parts, AreContinuedByALaterProcess) {
  const Folder folder;
  {
    PartFile part(folder.path / "x", "");
    part.restart({.etag = "\"v1\"", .total = 3});
    part.append("ab");
  }
  EXPECT_FALSE(folder.has("x"));
  PartFile part(folder.path / "x", "");
  EXPECT_EQ(part.size(), 2u);
  EXPECT_EQ(part.state().etag, "\"v1\"");
  EXPECT_EQ(part.state().total, 3u);
  part.append("c");
  part.finish();
  EXPECT_EQ(folder.read("x"), "abc");
  EXPECT_FALSE(folder.has("x.part"));
  EXPECT_FALSE(folder.has("x.part.json"));
}

TEST(Parts, ChecksumsCoverWhatEarlierProcessesWrote) {
  if (!can_download()) GTEST_SKIP() << "built without downloads";
  const Folder folder;
  {
    PartFile part(folder.path / "x", kSumOfAbc);
    part.restart({});
    part.append("a");
  }
  PartFile part(folder.path / "x", kSumOfAbc);
  part.append("bc");
  EXPECT_EQ(part.checksum(), kSumOfAbc);
  part.restart({});
  part.append("abc");
  EXPECT_EQ(part.checksum(), kSumOfAbc);
}

TEST(Parts, WithoutAChecksumOnlyTrustedBytesAreContinued) {
  const Folder folder;
  folder.write("none.part", "zeros");
  EXPECT_EQ(PartFile(folder.path / "none", "").size(), 0u) << "nothing says what it is";
  folder.write("sum.part", "zeros");
  EXPECT_EQ(PartFile(folder.path / "sum", kSumOfAbc).size(), 5u) << "the checksum will tell";
  folder.write("boot.part", "zeros");
  folder.write("boot.part.json", R"({"etag":"\"v1\"","boot":"another start of the machine"})");
  EXPECT_EQ(PartFile(folder.path / "boot", "").size(), 0u) << "may never have reached the disk";
  folder.write("odd.part", "zeros");
  folder.write("odd.part.json", R"([{"etag")");
  EXPECT_EQ(PartFile(folder.path / "odd", "").size(), 0u);
}

TEST(Parts, DiscardLeavesNothing) {
  const Folder folder;
  PartFile part(folder.path / "x", "");
  part.restart({});
  part.append("a");
  part.discard();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Locks, AreHeldByOneAtATime) {
  const Folder folder;
  FileLock second(folder.path / "deep/x.lock");
  {
    FileLock first(folder.path / "deep/x.lock");
    EXPECT_TRUE(first.try_lock());
    EXPECT_FALSE(second.try_lock());
  }
  EXPECT_TRUE(second.try_lock());
}

TEST(Space, ThatIsMissingIsNamedWithBothNumbers) {
  const Folder folder;
  EXPECT_GT(free_bytes(folder.path / "not/there/yet"), 0u);
  EXPECT_NO_THROW(check_space(folder.path, 1, "x"));
  try {
    check_space(folder.path, std::uint64_t{4} << 60, "big.gguf");
    FAIL() << "such a disk does not exist";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("big.gguf needs 4.61 EB more, but only "), 0u) << text;
    EXPECT_NE(text.find("B are free in "), text.npos) << text;
  }
}

}  // namespace
}  // namespace llm::hub
