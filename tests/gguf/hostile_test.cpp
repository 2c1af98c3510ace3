// Broken files made from a good one: cut at every byte, bytes flipped, numbers blown up. Reading
// must end in a File or in an Error, whatever the bytes are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>

#include "base/error.h"
#include "gguf/reader.h"
#include "samples.h"

namespace {
std::size_t largest_allocation = 0;
}

#if !defined(__SANITIZE_ADDRESS__)  // which has allocation functions of its own
// The whole test program allocates here, so that a test can see what a hostile count claimed.
[[gnu::noinline]] void* operator new(std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif

namespace llm::gguf {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

/// True when the bytes were accepted; then everything in the File is touched.
bool accepted(std::span<const std::byte> bytes) {
  try {
    // A copy of exactly this size, so that a sanitizer sees any step beyond it.
    const std::vector<std::byte> copy(bytes.begin(), bytes.end());
    const File file = File::parse(copy, "memory");
    std::size_t touched = 0;
    for (const TensorInfo& t : file.tensors())
      for (const std::byte b : t.bytes) touched += std::size_t(b);
    for (const auto& [key, value] : file.metadata().entries()) touched += key.size();
    return touched < ~std::size_t{0};
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("memory: "));
    return false;
  }
}

TEST(GgufHostile, EveryTruncationIsRefused) {
  TemporaryFolder folder;
  const auto bytes = test::sample_bytes(folder);
  ASSERT_TRUE(accepted(bytes));
  const std::size_t last_needed = bytes.size() - 12;  // the padding after 84 bytes of data
  EXPECT_TRUE(accepted(std::span(bytes).first(last_needed)));
  for (std::size_t size = 0; size < last_needed; ++size)
    EXPECT_FALSE(accepted(std::span(bytes).first(size))) << size;
}

TEST(GgufHostile, FlippedBytesNeverCrash) {
  TemporaryFolder folder;
  const auto good = test::sample_bytes(folder);
  std::mt19937 random(20260801);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    auto bad = good;
    const int flips = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < flips; ++i)
      bad[random() % bad.size()] = static_cast<std::byte>(random() % 256);
    refused += !accepted(bad);
  }
  EXPECT_GT(refused, 1000);
}

TEST(GgufHostile, EveryFieldBlownUpNeverCrashesOrClaimsMemory) {
  TemporaryFolder folder;
  const auto good = test::sample_bytes(folder);
  largest_allocation = 0;
  for (const std::uint64_t value :
       {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 62, std::uint64_t{1} << 61,
        std::uint64_t{1} << 40, std::uint64_t{1} << 31, std::uint64_t{1} << 30,
        std::uint64_t{0xffffffff}, std::uint64_t{0}}) {
    for (std::size_t at = 0; at + 8 <= good.size(); ++at) {
      auto bad = good;
      std::memcpy(&bad[at], &value, 8);
      accepted(bad);
    }
  }
  EXPECT_LT(largest_allocation, std::size_t{64} << 10);  // the file has some 2 KiB
}

TEST(GgufHostile, ErrorsNameTheKeyOrTheTensor) {
  TemporaryFolder folder;
  const auto good = test::sample_bytes(folder);
  const auto error_after = [&](std::string_view marker, std::ptrdiff_t skip, std::uint64_t value,
                               std::size_t width) -> std::string {
    auto bad = good;
    const std::string text(reinterpret_cast<const char*>(bad.data()), bad.size());
    const auto at = text.find(marker);
    EXPECT_NE(at, text.npos);
    std::memcpy(&bad[at + marker.size() + skip], &value, width);
    try {
      File::parse(bad, "memory");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(error_after("a.f64", 0, 77, 4), HasSubstr("key 'a.f64'"));             // value type
  EXPECT_THAT(error_after("a.f64", 4, 77, 4), HasSubstr("key 'a.f64'"));             // element type
  EXPECT_THAT(error_after("a.string", 8, 1 << 20, 8), HasSubstr("key 'a.string'"));  // count
  EXPECT_THAT(error_after("matrix", 0, 9, 4), HasSubstr("tensor 'matrix'"));         // rank
  EXPECT_THAT(error_after("matrix", 4, 65, 8), HasSubstr("tensor 'matrix'"));        // row length
  EXPECT_THAT(error_after("matrix", 20, 36, 4), HasSubstr("tensor 'matrix'"));       // type
  EXPECT_THAT(error_after("matrix", 24, 32, 8), HasSubstr("tensor 'matrix'"));       // offset
}

TEST(GgufHostile, ThingsThatAreNoFilesAreNamed) {
  TemporaryFolder folder;
  const auto error_of = [](const std::string& path, bool use_mmap) -> std::string {
    try {
      File::open(path, {.use_mmap = use_mmap});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const bool use_mmap : {true, false}) {
    EXPECT_THAT(error_of(folder.file(""), use_mmap), HasSubstr("directory"));
    EXPECT_THAT(error_of(folder.file("absent.gguf"), use_mmap), HasSubstr("absent.gguf"));
    EXPECT_THAT(error_of("/dev/zero", use_mmap), HasSubstr("regular"));
  }
}

}  // namespace
}  // namespace llm::gguf
