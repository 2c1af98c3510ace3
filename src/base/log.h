// Logging: one process-wide logger, set up once at start, usable from every thread.
// Levels follow the command line's -lv: 0 output only, 1 error, 2 warning, 3 info, 4 debug.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace llm::log {

enum class Colors { automatic, on, off };

struct Settings {
  int verbosity = 3;        // 0..4, see above
  std::string file;         // also write here when not empty
  bool timestamps = false;  // prefix each line with the time since start
  bool prefix = false;      // prefix each line with its level
  Colors colors = Colors::automatic;
};

/// Call once, before other threads log. Throws Error when `file` cannot be opened.
void set_up(const Settings& settings);

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace llm::log
