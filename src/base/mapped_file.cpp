#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace llm {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail("cannot open '{}': {}", path, std::strerror(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

std::size_t regular_size(const Descriptor& fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("cannot examine '{}': {}", path, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) fail("'{}' is a directory, a file is expected", path);
  if (!S_ISREG(info.st_mode)) fail("'{}' is not a regular file", path);
  return static_cast<std::size_t>(info.st_size);
}

void read_all(const Descriptor& fd, std::byte* to, std::size_t size, const std::string& path) {
  constexpr std::size_t kChunk = std::size_t{1} << 30;  // read() takes less than 2 GiB at once
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = ::read(fd, to + done, std::min(kChunk, size - done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read '{}': {}", path, std::strerror(errno));
    if (got == 0) fail("'{}' became shorter while it was read", path);
    done += static_cast<std::size_t>(got);
  }
}

void* map_file(const Descriptor& fd, std::size_t size, const std::string& path) {
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail("cannot map '{}': {}", path, std::strerror(errno));
  return memory;
}

/// Anonymous pages, so that the system may use huge ones.
void* read_file(const Descriptor& fd, std::size_t size, const std::string& path) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fail("no memory for the {} bytes of '{}': {}", size, path, std::strerror(errno));
  }
  ::madvise(memory, size, MADV_HUGEPAGE);  // only advice: a refusal changes nothing
  try {
    read_all(fd, static_cast<std::byte*>(memory), size, path);
  } catch (...) {
    ::munmap(memory, size);
    throw;
  }
  return memory;
}

}  // namespace

MappedFile::MappedFile(const std::string& path, Mode mode, bool lock) {
  const Descriptor fd(path);
  const std::size_t size = regular_size(fd, path);
  if (size == 0) return;  // an empty range cannot be mapped
  const void* memory = mode == Mode::map ? map_file(fd, size, path) : read_file(fd, size, path);
  bytes_ = {static_cast<const std::byte*>(memory), size};
  if (lock && ::mlock(memory, size) != 0) {
    log::warn("cannot lock the {} bytes of '{}' in memory: {} (see ulimit -l)", size, path,
              std::strerror(errno));
  }
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::prefetch() const {
  if (!bytes_.empty())
    ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_WILLNEED);
}

}  // namespace llm
