#include "router/child_report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace llm::router {

namespace {

/// Empty when no router has started this program.
std::string_view child_mode() {
  const char* text = std::getenv("LLAMA_SERVER_CHILD_MODE");
  return text ? text : "";
}

}  // namespace

bool started_by_router() {
  return !child_mode().empty();
}

ChildReport::ChildReport() {
  if (!started_by_router()) return;
  const int fd = std::atoi(child_mode().data());
  if (fd <= STDERR_FILENO || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return;
  fd_ = fd;
}

ChildReport::~ChildReport() {
  if (fd_ >= 0) ::close(fd_);
}

void ChildReport::loading(float done) const {
  send(fmt::format("loading {:.3f}\n", done));
}
void ChildReport::ready() const {
  send("ready\n");
}
void ChildReport::sleeping() const {
  send("sleeping\n");
}

void ChildReport::answered(const http::Answered& one) const {
  if (fd_ < 0) return;
  const auto bill = one.request.header(kBillHeader);
  // Longer ones are none of the router's, and would not be one write.
  constexpr std::size_t kMaxDigits = 20;
  if (bill.empty() || bill.size() > kMaxDigits) return;
  send(fmt::format("answered {} {}\n", bill, one.notes.tokens));
}

void ChildReport::send(std::string_view line) const {
  if (fd_ < 0) return;
  // One write of a short line is never cut; without a reader there is nobody to tell.
  (void)!::write(fd_, line.data(), line.size());
}

}  // namespace llm::router
