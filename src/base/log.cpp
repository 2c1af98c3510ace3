#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <atomic>

#include "base/error.h"
#include "base/json.h"
#include "base/utc.h"

namespace llm::log {
namespace {

/// What write() hands to the formatter past the library, which knows only texts. Sinks run in the
/// thread that logs.
struct Extra {
  std::string_view request;
  std::span<const Field> fields;
};
thread_local const Extra* extra_of_line = nullptr;
thread_local const Json* whole_line = nullptr;  // instead, when it is another process's

std::atomic<bool> is_json{false};

Level level_of(int verbosity) {
  constexpr Level kLevels[] = {spdlog::level::critical, spdlog::level::err, spdlog::level::warn,
                               spdlog::level::info};
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

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

template <class Text>
void append_escaped(std::string_view text, Text& out) {
  for (const char c : text) {
    if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
}

/// The message, on one line whatever is in it.
class EscapedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    append_escaped({message.payload.data(), message.payload.size()}, out);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<EscapedMessage>();
  }
};

std::unique_ptr<spdlog::formatter> text_formatter(const Settings& settings) {
  std::string pattern;
  if (settings.timestamps) pattern += "%Y-%m-%d %H:%M:%S.%e ";
  if (settings.prefix) pattern += "%L ";
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<EscapedMessage>('*').set_pattern(pattern + "%^%*%$");
  return formatter;
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const Json line = whole_line != nullptr ? *whole_line : made_of(message);
    const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }

 private:
  static Json made_of(const spdlog::details::log_msg& message) {
    const auto level = spdlog::level::to_string_view(message.level);
    Json line = {{"time", utc_text(message.time)},
                 {"level", std::string(level.data(), level.size())},
                 {"message", std::string(message.payload.data(), message.payload.size())}};
    if (extra_of_line != nullptr) {
      if (!extra_of_line->request.empty()) line["request_id"] = extra_of_line->request;
      for (const Field& field : extra_of_line->fields) {
        std::visit([&](const auto& value) { line[field.name] = value; }, field.value);
      }
    }
    return line;
  }
};

/// Bare where that is unambiguous, else in quotes.
void append_value(const std::string& value, std::string& out) {
  const bool is_bare = !value.empty() && value.find_first_of(" =\"") == value.npos;
  out += is_bare ? value : '"' + value + '"';
}

std::string as_text(std::string_view request, std::string_view message,
                    std::span<const Field> fields) {
  std::string out(message);
  if (!request.empty()) fmt::format_to(std::back_inserter(out), " id={}", request);
  for (const Field& field : fields) {
    fmt::format_to(std::back_inserter(out), " {}=", field.name);
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      append_value(*text, out);
    } else if (const auto* whole = std::get_if<std::int64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(out), "{}", *whole);
    } else {
      fmt::format_to(std::back_inserter(out), "{:.1f}", std::get<double>(field.value));
    }
  }
  return out;
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
  is_json = settings.format == Format::json;
  auto logger = std::make_shared<spdlog::logger>("llm", sinks.begin(), sinks.end());
  logger->set_formatter(is_json ? std::make_unique<JsonFormatter>() : text_formatter(settings));
  logger->set_level(level_of(settings.verbosity));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void write(Level level, std::string_view request, std::string_view message,
           std::span<const Field> fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(level)) return;
  if (!is_json) {
    logger.log(level, spdlog::string_view_t(as_text(request, message, fields)));
    return;
  }
  const Extra extra{request, fields};
  extra_of_line = &extra;
  logger.log(level, spdlog::string_view_t(message.data(), message.size()));
  extra_of_line = nullptr;
}

void relay(const std::string& from, std::string_view line) {
  if (!is_json) return spdlog::info("[{}] {}", from, line);
  Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    const Field fields[] = {{"model", from}};
    return write(spdlog::level::info, "", line, fields);
  }
  object["model"] = from;
  whole_line = &object;
  spdlog::info("");
  whole_line = nullptr;
}

}  // namespace llm::log
