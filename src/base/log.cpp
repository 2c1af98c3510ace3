#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/error.h"

namespace llm::log {
namespace {

spdlog::level::level_enum level_of(int verbosity) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::critical, spdlog::level::err,
                                                   spdlog::level::warn, spdlog::level::info};
  return verbosity >= 4 ? spdlog::level::debug : kLevels[verbosity < 0 ? 0 : verbosity];
}

spdlog::color_mode color_mode(Colors colors) {
  switch (colors) {
    case Colors::on:
      return spdlog::color_mode::always;
    case Colors::off:
      return spdlog::color_mode::never;
    case Colors::automatic:
      break;
  }
  return spdlog::color_mode::automatic;
}

}  // namespace

void set_up(const Settings& settings) {
  // Programs' results go to stdout; the log goes to stderr.
  std::vector<spdlog::sink_ptr> sinks{
      std::make_shared<spdlog::sinks::stderr_color_sink_mt>(color_mode(settings.colors))};
  if (!settings.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file));
    } catch (const spdlog::spdlog_ex&) {
      fail("--log-file: cannot open '{}' for writing", settings.file);
    }
  }
  auto logger = std::make_shared<spdlog::logger>("llm", sinks.begin(), sinks.end());
  std::string pattern;
  if (settings.timestamps) pattern += "%Y-%m-%d %H:%M:%S.%e ";
  if (settings.prefix) pattern += "%L ";
  logger->set_pattern(pattern + "%^%v%$");
  logger->set_level(level_of(settings.verbosity));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace llm::log
