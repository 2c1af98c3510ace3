#include "hub/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/json.h"

#ifdef LLAMA_HAVE_CURL
#include <openssl/evp.h>
#endif

namespace llm::hub {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_with_errno(const char* what, const fs::path& path) {
  fail("cannot {} '{}': {}", what, path.string(), std::strerror(errno));
}

/// Changes with every start of the machine.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

/// A new name is only certain when its folder is on the disk, too.
void sync_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

fs::path with_ending(const fs::path& path, const char* ending) {
  return path.string() + ending;
}

}  // namespace

#ifdef LLAMA_HAVE_CURL
class PartFile::Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Hash() { EVP_MD_CTX_free(context_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  void add(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string hex() {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_DigestFinal_ex(context_, sum, &length);
    std::string text;
    for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", sum[i]);
    return text;
  }

 private:
  EVP_MD_CTX* context_;
};
#else
class PartFile::Hash {  // nothing is downloaded in such a build
 public:
  void add(std::string_view) {}
  std::string hex() { return {}; }
};
#endif

PartFile::PartFile(const fs::path& target, std::string sha256)
    : target_(target),
      part_(with_ending(target, ".part")),
      state_path_(with_ending(target, ".part.json")),
      sha256_(std::move(sha256)) {
  std::error_code ignored;
  fs::create_directories(target.parent_path(), ignored);
  file_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) fail_with_errno("write", part_);
  load_state();
}

PartFile::~PartFile() {
  if (file_ >= 0) ::close(file_);
}

void PartFile::load_state() {
  struct stat info {};
  if (::fstat(file_, &info) != 0) fail_with_errno("read", part_);
  const auto text = read_small_file(state_path_);
  const Json json = text ? Json::parse(*text, nullptr, false) : Json();
  const bool is_known = json.is_object() && json.value("etag", Json()).is_string();
  if (is_known) {
    state_.etag = json["etag"].get<std::string>();
    if (json.contains("size") && json["size"].is_number_unsigned())
      state_.total = json["size"].get<std::uint64_t>();
  }
  const bool is_on_disk = is_known && json.value("boot", Json()) == Json(boot_id());
  if (info.st_size > 0 && sha256_.empty() && (!is_on_disk || state_.etag.empty()))
    return restart({});
  size_ = static_cast<std::uint64_t>(info.st_size);
  if (::lseek(file_, 0, SEEK_END) < 0) fail_with_errno("read", part_);
}

void PartFile::save_state() const {
  Json json{{"etag", state_.etag}, {"boot", boot_id()}};
  if (state_.total) json["size"] = *state_.total;
  write_file(state_path_, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void PartFile::append(std::string_view bytes) {
  if (hash_) hash_->add(bytes);
  while (!bytes.empty()) {
    const auto written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_with_errno("write", part_);
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void PartFile::restart(const PartState& state) {
  if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) != 0)
    fail_with_errno("write", part_);
  size_ = 0;
  state_ = state;
  hash_ = sha256_.empty() ? nullptr : std::make_unique<Hash>();
  save_state();
}

std::string PartFile::checksum() {
  // What an earlier process wrote has not been hashed yet.
  if (!hash_) {
    hash_ = std::make_unique<Hash>();
    std::vector<char> piece(1 << 20);
    for (off_t at = 0;;) {
      const auto bytes = ::pread(file_, piece.data(), piece.size(), at);
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes < 0) fail_with_errno("read", part_);
      if (bytes == 0) break;
      hash_->add({piece.data(), static_cast<std::size_t>(bytes)});
      at += bytes;
    }
  }
  const std::string sum = hash_->hex();
  hash_.reset();
  return sum;
}

void PartFile::finish() {
  if (::fsync(file_) != 0) fail_with_errno("write", part_);
  if (::rename(part_.c_str(), target_.c_str()) != 0) fail_with_errno("write", target_);
  sync_folder(target_.parent_path());
  std::error_code ignored;
  fs::remove(state_path_, ignored);
}

void PartFile::discard() {
  std::error_code ignored;
  fs::remove(part_, ignored);
  fs::remove(state_path_, ignored);
}

FileLock::FileLock(const fs::path& path) : path_(path) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) fail_with_errno("write", path);
}

FileLock::~FileLock() {
  ::close(file_);
}

bool FileLock::try_lock() {
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK && errno != EINTR) fail_with_errno("lock", path_);
  return false;
}

std::uint64_t free_bytes(const fs::path& folder) {
  std::error_code ignored;
  fs::path place = fs::absolute(folder, ignored);
  while (!fs::exists(place, ignored) && place.has_parent_path() && place != place.parent_path())
    place = place.parent_path();
  struct statvfs info {};
  if (::statvfs(place.c_str(), &info) != 0) fail_with_errno("look at the disk of", place);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

void write_file(const fs::path& path, std::string_view text) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  const fs::path fresh = path.string() + fmt::format(".{}.new", ::getpid());
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.flush()) fail_with_errno("write", fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) fail_with_errno("write", path);
}

std::optional<std::string> read_small_file(const fs::path& path) {
  constexpr std::size_t kMost = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kMost, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace llm::hub
