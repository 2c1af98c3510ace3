#include "server/stop_signal.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>

namespace llm {
namespace {

/// Still: of the terminal that it was started from, if there was one.
bool has_terminal() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

}  // namespace

StopSignal::StopSignal() {
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  ends_with_terminal_ = has_terminal() && before.sa_handler != SIG_IGN;  // nohup ignores it
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals_, number);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its write
  thread_ = std::thread([this] { watch(); });
}

StopSignal::~StopSignal() {
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void StopSignal::on_hangup(std::function<void()> reload) {
  const std::lock_guard lock(mutex_);
  reload_ = std::move(reload);
}

void StopSignal::watch() {
  for (int number = 0; sigwait(&signals_, &number) == 0 && number != SIGUSR1;) {
    if (number == SIGHUP && !(ends_with_terminal_ && !has_terminal())) {
      const std::lock_guard lock(mutex_);
      if (reload_) reload_();
      continue;
    }
    if (count_.fetch_add(1) > 0) std::_Exit(1);
    count_.notify_all();
  }
}

}  // namespace llm
