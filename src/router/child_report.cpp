#include "router/child_report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace llm::router {

ChildReport::ChildReport() {
  const char* text = std::getenv("LLAMA_SERVER_CHILD_MODE");
  if (!text || !*text) return;
  const int fd = std::atoi(text);
  if (fd <= STDERR_FILENO || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return;
  fd_ = fd;
}

ChildReport::~ChildReport() {
  if (fd_ >= 0) ::close(fd_);
}

void ChildReport::loading(float done) const {
  send("loading", done);
}
void ChildReport::ready() const {
  send("ready", 1);
}
void ChildReport::sleeping() const {
  send("sleeping", 0);
}

void ChildReport::send(const char* status, float value) const {
  if (fd_ < 0) return;
  const std::string line = fmt::format("{} {:.3f}\n", status, value);
  // One write of a short line is never cut; without a reader there is nobody to tell.
  (void)!::write(fd_, line.data(), line.size());
}

}  // namespace llm::router
