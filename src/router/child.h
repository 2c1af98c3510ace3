// One child process: started, listened to, stopped. Internal to the room.
//
// Each child has a thread of its own, which forks it (the system ties a child's life to the thread
// that made it), reads its log and its reports, stops it when told to, and waits for its end.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace llm::router {

struct ChildSettings {
  std::string name;                      // for the log
  std::vector<std::string> arguments;    // with the program's name in front
  std::vector<std::string> environment;  // "NAME=value", all of it
};

struct Ending {
  int exit_code = 0;  // 128 + N after the signal N
  std::string text;   // "exit code 1", "signal 9 (Killed)"
  bool was_asked = false;
  std::vector<std::string> last_lines;  // of its log
};

/// Called on the child's thread.
struct ChildListener {
  std::function<void(const std::string& report)> reported;  // one line, see ChildReport
  std::function<void(Ending)> ended;                        // once, the last call
};

class Child {
 public:
  /// Starts this program's own file anew, with descriptor kReportFd open for reports.
  Child(ChildSettings settings, ChildListener listener);
  /// Waits for the thread, and so for the end of the process.
  ~Child();
  Child(const Child&) = delete;

  /// SIGTERM, and SIGKILL after `patience`. Any thread, also more than once: the earliest end
  /// counts.
  void stop(std::chrono::milliseconds patience);
  /// 0 while it is not started yet.
  int pid() const { return pid_; }
  /// Called from one of its listener's functions.
  bool is_this_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  static constexpr int kReportFd = 3;

 private:
  using Clock = std::chrono::steady_clock;
  void run();
  void listen(int log_fd, int report_fd, int exit_fd);
  bool read_lines(int fd, std::string& rest, bool is_log);
  void take_line(std::string line, bool is_log);
  /// Signals as stop() asked for; milliseconds until it has something to do again, -1: never.
  int pursue();

  ChildSettings settings_;
  ChildListener listener_;
  int wake_fd_ = -1;  // eventfd
  std::atomic<int> pid_{0};
  std::mutex mutex_;
  std::optional<Clock::time_point> kill_at_;   // guarded by mutex_
  bool is_asked_ = false, is_killed_ = false;  // of the thread
  std::deque<std::string> last_lines_;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace llm::router
