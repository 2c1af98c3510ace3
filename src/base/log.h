// Logging: one process-wide logger, set up once at start, usable from every thread.
// Levels follow the command line's -lv: 0 output only, 1 error, 2 warning, 3 info, 4 debug.
// A line is text, or one JSON object with time, level, message and the fields of the line.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace llm::log {

enum class Colors { automatic, on, off };
enum class Format { text, json };

struct Settings {
  int verbosity = 3;        // 0..4, see above
  std::string file;         // also write here when not empty
  bool timestamps = false;  // prefix each line with the time since start
  bool prefix = false;      // prefix each line with its level
  Colors colors = Colors::automatic;
  Format format = Format::text;
};

/// Call once, before other threads log. Throws Error when `file` cannot be opened.
void set_up(const Settings& settings);

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

using Level = spdlog::level::level_enum;

/// A named value of a line: `name=value` in text, a member of the object in JSON.
struct Field {
  std::string name;
  std::variant<std::int64_t, double, std::string> value;
};

/// A line about one request: `request` is its X-Request-Id and may be empty. Control characters in
/// texts of clients cannot break a line, here or in the functions above.
void write(Level level, std::string_view request, std::string_view message,
           std::span<const Field> fields = {});

/// A line of another process, `from`, which logs as this one does: behind its name in brackets, or
/// as the object that it is with the member `model` added.
void relay(const std::string& from, std::string_view line);

}  // namespace llm::log
