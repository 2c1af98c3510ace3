// What a person sees of a download: one line that moves on a terminal, a line now and then in a
// log.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "hub/hub.h"

namespace llm::hub {

/// "512 bytes", "12.3 MB", "4.56 GB": decimal units, three digits.
std::string human_size(std::uint64_t bytes);

/// "demo.gguf: 45 %, 12.3 MB of 27.0 MB, 5.20 MB/s, 3 s left"
std::string progress_line(const std::string& label, std::uint64_t done,
                          std::optional<std::uint64_t> total, double bytes_per_second);

class Progress {
 public:
  Progress(std::string label, OnProgress on_progress);
  /// Ends the terminal's line, if one was begun.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Where an attempt begins; speed counts from here.
  void start(std::uint64_t done);
  void update(std::uint64_t done, std::optional<std::uint64_t> total);

 private:
  using Clock = std::chrono::steady_clock;

  void report(std::uint64_t done, std::optional<std::uint64_t> total, Clock::time_point now);

  std::string label_;
  OnProgress on_progress_;
  bool is_terminal_, is_silent_;
  bool has_line_ = false;
  Clock::time_point begin_ = Clock::now(), shown_ = begin_, reported_ = begin_;
  std::uint64_t begin_bytes_ = 0;
};

}  // namespace llm::hub
