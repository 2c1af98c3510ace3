#include "hub/progress.h"

#include <unistd.h>

#include <cstdio>

#include "base/log.h"

namespace llm::hub {
namespace {

using namespace std::chrono_literals;

constexpr auto kTerminalPeriod = 200ms;
constexpr auto kLogPeriod = 10s;
constexpr auto kReportPeriod = 250ms;

std::string human_time(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string human_size(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; value >= 999.5; value /= 1000) ++unit;
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string progress_line(const std::string& label, std::uint64_t done,
                          std::optional<std::uint64_t> total, double bytes_per_second) {
  const auto speed = human_size(static_cast<std::uint64_t>(bytes_per_second));
  if (!total || *total < done || *total == 0)
    return fmt::format("{}: {}, {}/s", label, human_size(done), speed);
  const double percent = 100 * static_cast<double>(done) / static_cast<double>(*total);
  std::string line = fmt::format("{}: {:.0f} %, {} of {}, {}/s", label, percent, human_size(done),
                                 human_size(*total), speed);
  if (bytes_per_second >= 1)
    line +=
        fmt::format(", {} left", human_time(static_cast<double>(*total - done) / bytes_per_second));
  return line;
}

Progress::Progress(std::string label, OnProgress on_progress)
    : label_(std::move(label)),
      on_progress_(std::move(on_progress)),
      is_terminal_(isatty(STDERR_FILENO) == 1),
      is_silent_(!spdlog::should_log(spdlog::level::info)) {}

Progress::~Progress() {
  if (has_line_) std::fputc('\n', stderr);
}

void Progress::start(std::uint64_t done) {
  begin_ = Clock::now();
  begin_bytes_ = done;
}

void Progress::report(std::uint64_t done, std::optional<std::uint64_t> total,
                      Clock::time_point now) {
  if (!on_progress_ || (now - reported_ < kReportPeriod && done != total)) return;
  reported_ = now;
  on_progress_({label_, done, total.value_or(0)});
}

void Progress::update(std::uint64_t done, std::optional<std::uint64_t> total) {
  const auto now = Clock::now();
  report(done, total, now);
  const bool is_end = total && done == *total && has_line_;
  if (is_silent_ || (now - shown_ < (is_terminal_ ? kTerminalPeriod : kLogPeriod) && !is_end))
    return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double speed = seconds > 0 ? static_cast<double>(done - begin_bytes_) / seconds : 0;
  const std::string line = progress_line(label_, done, total, speed);
  if (is_terminal_) {
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
    has_line_ = true;
  } else {
    log::info("{}", line);
  }
}

}  // namespace llm::hub
