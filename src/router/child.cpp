#include "router/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "base/error.h"
#include "base/log.h"

namespace llm::router {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kKeptLines = 20;
constexpr std::size_t kMaxLine = 4096;  // of a log; reports may be as long
constexpr int kReadsAtOnce = 64;        // then it looks whether it is told to stop
/// Where the kernel cannot tell by a descriptor that a process ended.
constexpr int kExitPollMs = 50;
constexpr int kExecFailed = 127;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(fds_, O_CLOEXEC) != 0) fail("cannot make a pipe: {}", ::strerror(errno));
  }
  ~Pipe() {
    ::close(fds_[0]);
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  void close_writer() {
    if (fds_[1] >= 0) ::close(fds_[1]);
    fds_[1] = -1;
  }
  int reader() const { return fds_[0]; }
  int writer() const { return fds_[1]; }

 private:
  int fds_[2];
};

/// A copy that no dup2 to a low number overwrites.
int moved_up(int fd) {
  return ::fcntl(fd, F_DUPFD, 16);
}

/// Client connections and listening sockets must not live on in a child. Only calls that are safe
/// between fork and exec.
void close_from(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0U, 0U) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  for (auto fd = first; fd < limit.rlim_cur; ++fd) ::close(static_cast<int>(fd));
}

/// In the new process.
[[noreturn]] void become(char* const* argv, char* const* envp, int log_fd, int report_fd,
                         pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kExecFailed);  // it died before the line above
  ::setpgid(0, 0);  // Ctrl-C is for the router, which stops its children in order
  const int log = moved_up(log_fd), report = moved_up(report_fd);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::dup2(report, Child::kReportFd);
  close_from(Child::kReportFd + 1);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve("/proc/self/exe", argv, envp);
  constexpr std::string_view kFailed = "cannot start the program anew\n";
  (void)!::write(STDERR_FILENO, kFailed.data(), kFailed.size());
  ::_exit(kExecFailed);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Ending ending_of(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return {.exit_code = 128 + number,
            .text = fmt::format("signal {} ({})", number, ::strsignal(number))};
  }
  return {.exit_code = WEXITSTATUS(status),
          .text = fmt::format("exit code {}", WEXITSTATUS(status))};
}

}  // namespace

Child::Child(ChildSettings settings, ChildListener listener)
    : settings_(std::move(settings)),
      listener_(std::move(listener)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_fd_ < 0) fail("cannot make an eventfd: {}", ::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

Child::~Child() {
  if (thread_.joinable()) thread_.join();
  ::close(wake_fd_);
}

void Child::stop(milliseconds patience) {
  const auto at = Clock::now() + patience;
  {
    const std::lock_guard lock(mutex_);
    kill_at_ = kill_at_ ? std::min(*kill_at_, at) : at;
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

void Child::run() {
  Ending ending;
  try {
    Pipe log, report;
    auto argv = pointers(settings_.arguments);
    auto envp = pointers(settings_.environment);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) fail("cannot start a process: {}", ::strerror(errno));
    if (pid == 0) become(argv.data(), envp.data(), log.writer(), report.writer(), parent);
    pid_ = pid;
    log.close_writer();
    report.close_writer();
    const int exit_fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    listen(log.reader(), report.reader(), exit_fd);
    if (exit_fd >= 0) ::close(exit_fd);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ending = ending_of(status);
  } catch (const std::exception& error) {
    ending = {.exit_code = kExecFailed, .text = error.what()};
    log::error("{}: {}", settings_.name, error.what());
  }
  ending.was_asked = is_asked_;
  ending.last_lines.assign(last_lines_.begin(), last_lines_.end());
  listener_.ended(std::move(ending));
}

/// Returns when the process has ended (or is about to be waited for) and its log is read.
void Child::listen(int log_fd, int report_fd, int exit_fd) {
  for (const int fd : {log_fd, report_fd}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  std::array<pollfd, 4> fds = {pollfd{log_fd, POLLIN, 0}, pollfd{report_fd, POLLIN, 0},
                               pollfd{wake_fd_, POLLIN, 0}, pollfd{exit_fd, POLLIN, 0}};
  std::string log_rest, report_rest;
  const auto drain = [&] {
    if (fds[0].fd >= 0 && !read_lines(log_fd, log_rest, true)) fds[0].fd = -1;
    if (fds[1].fd >= 0 && !read_lines(report_fd, report_rest, false)) fds[1].fd = -1;
  };
  for (;;) {
    int timeout = pursue();
    if (exit_fd < 0) timeout = timeout < 0 ? kExitPollMs : std::min(timeout, kExitPollMs);
    ::poll(fds.data(), fds.size(), timeout);
    std::uint64_t ignored = 0;
    (void)!::read(wake_fd_, &ignored, sizeof ignored);
    drain();
    siginfo_t info{};
    const bool has_ended =
        ::waitid(P_PID, static_cast<id_t>(pid_.load()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid != 0;
    if (!has_ended) continue;
    drain();  // what it wrote last; a process of its own may keep the pipe open
    if (!log_rest.empty()) take_line(std::move(log_rest), true);
    return;
  }
}

/// False at the end of the pipe.
bool Child::read_lines(int fd, std::string& rest, bool is_log) {
  char piece[4096];
  for (int i = 0; i < kReadsAtOnce; ++i) {
    const ssize_t size = ::read(fd, piece, sizeof piece);
    if (size == 0) return false;
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    for (const char c : std::string_view(piece, static_cast<std::size_t>(size))) {
      if (c == '\n')
        take_line(std::exchange(rest, {}), is_log);
      else if (rest.size() < kMaxLine)
        rest += c;
    }
  }
  return true;
}

void Child::take_line(std::string line, bool is_log) {
  if (!is_log) return listener_.reported(line);
  log::relay(settings_.name, line);
  last_lines_.push_back(std::move(line));
  if (last_lines_.size() > kKeptLines) last_lines_.pop_front();
}

int Child::pursue() {
  const std::lock_guard lock(mutex_);
  if (!kill_at_) return -1;
  if (!std::exchange(is_asked_, true)) ::kill(pid_, SIGTERM);
  const auto left = std::chrono::ceil<milliseconds>(*kill_at_ - Clock::now()).count();
  if (left > 0) return static_cast<int>(std::min<std::int64_t>(left, 60'000));
  if (!std::exchange(is_killed_, true)) {
    log::warn("{} did not stop in time and is killed", settings_.name);
    ::kill(pid_, SIGKILL);
  }
  return -1;
}

}  // namespace llm::router
