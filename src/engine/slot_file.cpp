#include "engine/slot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/utf8.h"

namespace llm {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

namespace fs = std::filesystem;

constexpr std::array<char, 8> kMagic = {'L', 'L', 'M', 'S', 'L', 'O', 'T', '\n'};
constexpr std::uint32_t kVersion = 1;
// No name that a client may choose contains a colon.
constexpr std::string_view kPartPrefix = ":slot-part-";
constexpr std::uint64_t kHeaderPlace = 1, kTokensPlace = 2, kFirstPagePlace = 16;

struct Header {
  std::array<char, 8> magic;
  std::uint32_t version, page_tokens;
  std::uint64_t state_key, page_bytes;
  std::uint32_t tokens, exact_tokens;
};
static_assert(sizeof(Header) == 40 && std::is_trivially_copyable_v<Header>);

std::uint64_t checksum(const void* bytes, std::size_t count, std::uint64_t place) {
  return XXH3_64bits_withSeed(bytes, count, place);
}

std::uint64_t page_count(std::uint64_t tokens) {
  return (tokens + compute::kPageTokens - 1) / compute::kPageTokens;
}

[[noreturn]] void fail_here(const char* what) {
  fail("{}: {}", what, std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

/// A file that has no name, or one that nobody looks for, until it is complete.
class NewFile {
 public:
  explicit NewFile(const std::string& folder)
      : folder_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        name_(fmt::format("{}{}-{}", kPartPrefix, getpid(), next_number_++)) {
    if (folder_.number() < 0) fail_here("cannot open the directory of slots");
#ifdef O_TMPFILE
    file_ = openat(folder_.number(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
#endif
    has_name_ = file_ < 0;  // a file system without such files
    if (has_name_) {
      file_ =
          openat(folder_.number(), name_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    }
    if (file_ < 0) fail_here("cannot create a file");
  }
  ~NewFile() {
    close(file_);
    if (has_name_) unlinkat(folder_.number(), name_.c_str(), 0);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(const void* bytes, std::size_t count) {
    const auto* from = static_cast<const char*>(bytes);
    written_ += static_cast<std::int64_t>(count);
    while (count > 0) {
      const ssize_t done = ::write(file_, from, count);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail_here("cannot write the file");
      from += done;
      count -= static_cast<std::size_t>(done);
    }
  }

  /// From now on the file is there, also after a power failure.
  void take_place(const std::string& name) {
    if (fsync(file_) != 0) fail_here("cannot write the file");
    if (!has_name_) {
      const std::string self = fmt::format("/proc/self/fd/{}", file_);
      if (linkat(AT_FDCWD, self.c_str(), folder_.number(), name_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        fail_here("cannot name the file");
      }
      has_name_ = true;
    }
    if (renameat(folder_.number(), name_.c_str(), folder_.number(), name.c_str()) != 0) {
      fail_here("cannot name the file");
    }
    has_name_ = false;
    fsync(folder_.number());
  }

  std::int64_t written() const {
    return written_;
  }

 private:
  static inline std::atomic<int> next_number_{0};

  Descriptor folder_;
  std::string name_;
  int file_ = -1;
  bool has_name_ = false;
  std::int64_t written_ = 0;
};

void write_checked(NewFile& file, const void* bytes, std::size_t count, std::uint64_t place) {
  const std::uint64_t sum = checksum(bytes, count, place);
  file.write(bytes, count);
  file.write(&sum, sizeof sum);
}

}  // namespace

bool is_slot_file_name(std::string_view name) {
  constexpr std::size_t kMost = 255;
  if (name.empty() || name.size() > kMost || !utf8::is_valid(name)) return false;
  const auto is_bad = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F ||
           std::string_view("/\\:*?\"<>|").find(c) != std::string::npos;
  };
  if (std::any_of(name.begin(), name.end(), is_bad)) return false;
  // Control characters of two bytes: U+0080 to U+009F.
  for (std::size_t i = 0; i + 1 < name.size(); ++i) {
    if (name[i] == '\xC2' && static_cast<unsigned char>(name[i + 1]) < 0xA0) return false;
  }
  return name.find("..") == std::string_view::npos && name != "." && name.front() != ' ' &&
         name.back() != ' ' && name.back() != '.';
}

std::int64_t write_slot_file(const std::string& folder, const std::string& name,
                             const SlotState& state, std::uint64_t state_key) {
  NewFile file(folder);
  const std::span<const TokenId> tokens = state.tokens();
  const Header header{.magic = kMagic,
                      .version = kVersion,
                      .page_tokens = compute::kPageTokens,
                      .state_key = state_key,
                      .page_bytes = static_cast<std::uint64_t>(state.page_bytes()),
                      .tokens = static_cast<std::uint32_t>(tokens.size()),
                      .exact_tokens = static_cast<std::uint32_t>(state.exact_tokens())};
  write_checked(file, &header, sizeof header, kHeaderPlace);
  static_assert(sizeof(TokenId) == sizeof(std::int32_t));
  write_checked(file, tokens.data(), tokens.size_bytes(), kTokensPlace);
  std::vector<std::byte> page(static_cast<std::size_t>(state.page_bytes()));
  for (int i = 0; i < state.page_count(); ++i) {
    state.read(i, page.data());
    write_checked(file, page.data(), page.size(), kFirstPagePlace + static_cast<std::uint64_t>(i));
  }
  file.take_place(name);
  return file.written();
}

SlotFile::SlotFile(const std::string& path, const Expected& expected)
    : file_(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) {
  if (file_ < 0) fail_here("cannot open the file");
  try {
    struct stat about {};
    if (fstat(file_, &about) != 0 || !S_ISREG(about.st_mode)) fail("it is not a regular file");
    bytes_ = about.st_size;
    Header header{};
    read(&header, sizeof header);
    if (header.magic != kMagic) fail("it is not a slot file");
    if (header.version != kVersion) {
      fail("it has version {}, this server reads {}", header.version, kVersion);
    }
    check(&header, sizeof header, kHeaderPlace);
    if (header.state_key != expected.state_key || header.page_tokens != compute::kPageTokens) {
      fail("it was saved from another model or with other cache types");
    }
    if (header.tokens > static_cast<std::uint32_t>(std::max(expected.most_tokens, 0)) ||
        header.exact_tokens > header.tokens) {
      fail("it has {} tokens, a slot holds {}", header.tokens, expected.most_tokens);
    }
    // The key covers the size of a page, so that this cannot overflow unless somebody tries.
    constexpr std::uint64_t kLargestPage = std::uint64_t{1} << 32;
    const std::uint64_t sum = sizeof(std::uint64_t);
    const std::uint64_t rest = header.tokens * sizeof(TokenId) + sum +
                               page_count(header.tokens) * (header.page_bytes + sum);
    if (header.page_bytes > kLargestPage ||
        static_cast<std::uint64_t>(bytes_) != sizeof header + sum + rest) {
      fail("its size is not that of its content");
    }
    page_bytes_ = header.page_bytes;
    exact_tokens_ = static_cast<int>(header.exact_tokens);
    tokens_.resize(header.tokens);
    read(tokens_.data(), tokens_.size() * sizeof(TokenId));
    check(tokens_.data(), tokens_.size() * sizeof(TokenId), kTokensPlace);
    const auto is_foreign = [&](TokenId id) { return id < 0 || id >= expected.vocab; };
    if (std::any_of(tokens_.begin(), tokens_.end(), is_foreign)) {
      fail("it has tokens that the vocabulary has not");
    }
  } catch (...) {
    close(file_);
    throw;
  }
}

SlotFile::~SlotFile() {
  close(file_);
}

void SlotFile::read(void* to, std::size_t count) {
  auto* at = static_cast<char*>(to);
  while (count > 0) {
    const ssize_t done = ::read(file_, at, count);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail_here("cannot read the file");
    if (done == 0) fail("it ends too early");
    at += done;
    count -= static_cast<std::size_t>(done);
  }
}

void SlotFile::check(const void* bytes, std::size_t count, std::uint64_t place) {
  std::uint64_t sum = 0;
  read(&sum, sizeof sum);
  if (sum != checksum(bytes, count, place)) fail("it is damaged");
}

void SlotFile::read_pages(SlotState& state) {
  if (static_cast<std::uint64_t>(state.page_bytes()) != page_bytes_) {
    fail("its pages have another size");
  }
  std::vector<std::byte> page(page_bytes_);
  for (int i = 0; i < state.page_count(); ++i) {
    read(page.data(), page.size());
    check(page.data(), page.size(), kFirstPagePlace + static_cast<std::uint64_t>(i));
    state.write(i, page.data());
  }
}

void clean_slot_folder(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.path().filename().string().starts_with(kPartPrefix)) continue;
    // Another server may use the folder: only what is an hour old is certainly left over.
    const auto age = fs::file_time_type::clock::now() - entry.last_write_time(ignored);
    if (!ignored && age > std::chrono::hours(1)) fs::remove(entry.path(), ignored);
  }
}

}  // namespace llm
