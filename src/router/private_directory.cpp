#include "router/private_directory.h"

#include <stdlib.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"

namespace llm::router {

namespace {
/// The path of a unix socket has 107 bytes at most; "/4096-100000.sock" must fit behind this.
constexpr std::size_t kMaxPath = 85;
}  // namespace

PrivateDirectory::PrivateDirectory() {
  const std::array<const char*, 4> places = {std::getenv("XDG_RUNTIME_DIR"), std::getenv("TMPDIR"),
                                             "/tmp", "/dev/shm"};
  for (const char* place : places) {
    if (!place || place[0] != '/') continue;
    std::string path = std::string(place) + "/llama-router-XXXXXX";
    if (path.size() > kMaxPath) continue;
    if (::mkdtemp(path.data()) == nullptr) continue;  // its mode is 0700
    path_ = std::move(path);
    return;
  }
  fail(
      "no place for the sockets of the models: neither XDG_RUNTIME_DIR, TMPDIR, /tmp nor /dev/shm "
      "can be written to");
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace llm::router
