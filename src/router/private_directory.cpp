#include "router/private_directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"

namespace llm::router {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "llama-server-sockets-";
/// The path of a unix socket has 107 bytes at most; "/4096-100000.sock" must fit behind this.
constexpr std::size_t kMaxPath = 88;

/// A descriptor with a lock on the directory; -1 when another process has it.
int locked(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

/// Only what this class makes goes: a directory of sockets.
void remove_with_sockets(const std::string& directory) {
  std::error_code ec, ignored;
  for (fs::directory_iterator it(directory, ec), end; !ec && it != end; it.increment(ec))
    if (it->is_socket(ignored)) fs::remove(it->path(), ignored);
  ::rmdir(directory.c_str());
}

/// Locks end with their processes, so an unlocked directory is nobody's. Those of other users
/// cannot be opened.
void remove_left_behind(const std::string& place) {
  std::error_code ec;
  for (fs::directory_iterator it(place, ec), end; !ec && it != end; it.increment(ec)) {
    if (!it->path().filename().string().starts_with(kPrefix)) continue;
    const int lock = locked(it->path().string());
    if (lock < 0) continue;
    remove_with_sockets(it->path().string());
    ::close(lock);
  }
}

}  // namespace

PrivateDirectory::PrivateDirectory() {
  const std::array<const char*, 4> places = {std::getenv("XDG_RUNTIME_DIR"), std::getenv("TMPDIR"),
                                             "/tmp", "/dev/shm"};
  for (const char* place : places) {
    if (!place || place[0] != '/') continue;
    std::string path = std::string(place) + "/" + std::string(kPrefix) + "XXXXXX";
    if (path.size() > kMaxPath) continue;
    remove_left_behind(place);
    if (::mkdtemp(path.data()) == nullptr) continue;  // its mode is 0700
    lock_ = locked(path);
    path_ = std::move(path);
    // Another router that starts at this moment may have taken it for one left behind.
    if (lock_ >= 0 && fs::exists(path_)) return;
    if (lock_ >= 0) ::close(lock_);
  }
  fail(
      "no place for the sockets of the models: neither XDG_RUNTIME_DIR, TMPDIR, /tmp nor /dev/shm "
      "can be written to");
}

PrivateDirectory::~PrivateDirectory() {
  remove_with_sockets(path_);
  ::close(lock_);
}

}  // namespace llm::router
