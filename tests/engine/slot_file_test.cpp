#include "engine/slot_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"

namespace llm {
namespace {

namespace fs = std::filesystem;

constexpr int kPageBytes = 96;

class FakeState final : public SlotState {
 public:
  explicit FakeState(std::vector<TokenId> tokens, int exact = 0)
      : bytes((tokens.size() + compute::kPageTokens - 1) / compute::kPageTokens * kPageBytes),
        tokens_(std::move(tokens)),
        exact_(exact) {}
  std::span<const TokenId> tokens() const override { return tokens_; }
  int exact_tokens() const override { return exact_; }
  int page_count() const override { return static_cast<int>(bytes.size()) / kPageBytes; }
  std::int64_t page_bytes() const override { return kPageBytes; }
  void read(int page, std::byte* to) const override {
    std::memcpy(to, bytes.data() + page * kPageBytes, kPageBytes);
  }
  void write(int page, const std::byte* from) override {
    std::memcpy(bytes.data() + page * kPageBytes, from, kPageBytes);
  }
  std::vector<std::byte> bytes;

 private:
  std::vector<TokenId> tokens_;
  int exact_;
};

FakeState filled(int tokens, int exact) {
  std::mt19937 random(tokens);
  std::vector<TokenId> ids(tokens);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % 500);
  FakeState state(std::move(ids), exact);
  for (std::byte& byte : state.bytes) byte = static_cast<std::byte>(random());
  return state;
}

struct SlotFileTest : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) /
                    ("slots-" + std::to_string(getpid()) + "-" +
                     testing::UnitTest::GetInstance()->current_test_info()->name());
  SlotFile::Expected expected{.state_key = 77, .most_tokens = 200, .vocab = 500};

  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  std::string path() const { return (folder / "a").string(); }
  std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& text) const {
    std::ofstream(path(), std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
  }
  /// Reads all; what an Error says, or nothing.
  std::string refusal() const {
    try {
      SlotFile file(path(), expected);
      FakeState state(file.tokens());
      file.read_pages(state);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
};

TEST_F(SlotFileTest, GivesBackWhatWasWritten) {
  for (const int tokens : {0, 1, 32, 33, 100}) {
    const FakeState state = filled(tokens, tokens / 2);
    const std::int64_t written = write_slot_file(folder, "a", state, 77);
    EXPECT_EQ(written, static_cast<std::int64_t>(content().size()));
    SlotFile file(path(), expected);
    EXPECT_EQ(file.tokens(), std::vector<TokenId>(state.tokens().begin(), state.tokens().end()));
    EXPECT_EQ(file.exact_tokens(), tokens / 2);
    EXPECT_EQ(file.bytes(), static_cast<std::int64_t>(content().size()));
    FakeState back(file.tokens());
    file.read_pages(back);
    EXPECT_EQ(back.bytes, state.bytes);
    EXPECT_EQ(files(), 1u) << "nothing beside it";
  }
}

TEST_F(SlotFileTest, NoticesEveryFlippedBit) {
  write_slot_file(folder, "a", filled(40, 40), 77);
  const std::string good = content();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << i % 8));
    put(bad);
    EXPECT_NE(refusal(), "") << "byte " << i;
  }
}

TEST_F(SlotFileTest, NoticesEveryCutAndWhatIsTooMuch) {
  write_slot_file(folder, "a", filled(40, 40), 77);
  const std::string good = content();
  for (std::size_t length = 0; length < good.size(); ++length) {
    put(good.substr(0, length));
    EXPECT_NE(refusal(), "") << length << " bytes";
  }
  put(good + "x");
  EXPECT_NE(refusal(), "");
}

TEST_F(SlotFileTest, NoticesPagesThatChangedPlaces) {
  write_slot_file(folder, "a", filled(64, 64), 77);
  std::string text = content();
  const std::size_t page = kPageBytes + 8;
  std::swap_ranges(text.end() - static_cast<std::ptrdiff_t>(2 * page),
                   text.end() - static_cast<std::ptrdiff_t>(page),
                   text.end() - static_cast<std::ptrdiff_t>(page));
  put(text);
  EXPECT_EQ(refusal(), "it is damaged");
}

TEST_F(SlotFileTest, RefusesOtherModelsLongerSlotsAndForeignTokens) {
  write_slot_file(folder, "a", filled(100, 100), 78);
  EXPECT_EQ(refusal(), "it was saved from another model or with other cache types");
  write_slot_file(folder, "a", filled(201, 201), 77);
  EXPECT_EQ(refusal(), "it has 201 tokens, a slot holds 200");
  write_slot_file(folder, "a", filled(100, 100), 77);
  expected.vocab = 100;
  EXPECT_EQ(refusal(), "it has tokens that the vocabulary has not");
}

TEST_F(SlotFileTest, ReadsRegularFilesOnly) {
  fs::create_directory(folder / "a");
  EXPECT_NE(refusal(), "");
  fs::remove(folder / "a");
  fs::create_symlink("/dev/zero", folder / "a");
  EXPECT_NE(refusal(), "");
}

TEST_F(SlotFileTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  write_slot_file(folder, "a", filled(33, 33), 77);
  const std::string before = content();
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4000, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(write_slot_file(folder, "a", filled(5000, 0), 77), Error);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(files(), 1u);
}

TEST_F(SlotFileTest, CleansUpWhatIsOldOnly) {
  std::ofstream(folder / ":slot-part-1-1") << "x";
  std::ofstream(folder / ":slot-part-1-2") << "x";
  std::ofstream(folder / "mine") << "x";
  fs::last_write_time(folder / ":slot-part-1-1",
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  clean_slot_folder(folder);
  EXPECT_EQ(files(), 2u);
}

TEST(SlotFileName, MayNotLeaveTheFolderNorHaveSpecialCharacters) {
  for (const char* name : {"a", "story.bin", "\xC3\xA4\xE2\x82\xAC", ".hidden", "a b", "a.b.c"}) {
    EXPECT_TRUE(is_slot_file_name(name)) << name;
  }
  for (const char* name : {"",   ".",    "..",   "../a",  "a/b",      "/a",   "a\\b", "a:b",
                           "a*", "a?",   "a\"b", "a<b",   "a>b",      "a|b",  " a",   "a ",
                           "a.", "a..b", "a\nb", "a\x7F", "\xC2\x85", "\xFF", "\xC3"}) {
    EXPECT_FALSE(is_slot_file_name(name)) << name;
  }
  EXPECT_TRUE(is_slot_file_name(std::string(255, 'a')));
  EXPECT_FALSE(is_slot_file_name(std::string(256, 'a')));
  EXPECT_FALSE(is_slot_file_name(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace llm
