#include "server/observe/replay.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "http/router.h"
#include "server/local_exchange.h"

namespace llm::server {
namespace {

struct Answer {
  int status = 500;
  http::Notes notes;
};

Answer ask(const http::Router& router, http::Request request) {
  http::Match match = router.find("POST", request.path);
  if (match.route == nullptr) return {.status = 404, .notes = {}};
  request.params = std::move(match.params);
  LocalExchange exchange(std::move(request));
  Answer answer;
  boost::asio::io_context context;
  boost::asio::co_spawn(context, match.route->handler(exchange),
                        [&](std::exception_ptr problem, const http::Response& response) {
                          if (problem) return;
                          answer.status =
                              exchange.stream_begun() ? exchange.status() : response.status;
                        });
  context.run();
  answer.notes = std::move(exchange.notes);
  return answer;
}

double number_of(const http::Notes& notes, std::string_view name) {
  for (const log::Field& field : notes.fields) {
    if (field.name != name) continue;
    if (const auto* whole = std::get_if<std::int64_t>(&field.value)) {
      return static_cast<double>(*whole);
    }
    if (const auto* number = std::get_if<double>(&field.value)) return *number;
  }
  return 0;
}

struct Speed {
  void add(double more_tokens, double more_ms) {
    tokens += more_tokens;
    ms += more_ms;
  }
  double per_second() const { return ms > 0 ? tokens * 1000 / ms : 0; }

  double tokens = 0, ms = 0;
};

struct Tally {
  int done() const { return same + different + drawn; }

  int same = 0, different = 0, drawn = 0, left_out = 0;
  Speed prompts_then, prompts_now, then, now;
};

/// Where two texts part, shown with what follows.
std::string parting(const std::string& then, const std::string& now) {
  constexpr std::size_t kShown = 40;
  std::size_t at = 0;
  while (at < then.size() && at < now.size() && then[at] == now[at]) ++at;
  const auto rest = [&](const std::string& text) {
    return Json(text.substr(at, kShown)).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  return fmt::format("from byte {} on it was {} and is {}", at, rest(then), rest(now));
}

std::string difference(const std::vector<std::string>& then, const std::vector<std::string>& now) {
  if (then.size() != now.size()) {
    return fmt::format("there were {} texts and are {}", then.size(), now.size());
  }
  for (std::size_t i = 0; i < then.size(); ++i) {
    if (then[i] != now[i]) return fmt::format("text {}: {}", i, parting(then[i], now[i]));
  }
  return {};
}

/// Told by the surroundings of that time (keys, limits, load), not by the request.
bool is_of_the_moment(int status) {
  return status == 401 || status == 403 || status == 408 || status >= 413;
}

double member(const Json& json, const char* object, const char* name) {
  const auto found = json.find(object);
  if (found == json.end() || !found->is_object()) return 0;
  const auto value = found->find(name);
  return value != found->end() && value->is_number() ? value->get<double>() : 0;
}

}  // namespace

Replay::Record Replay::read(const Json& json, int line) {
  Record record{
      .line = line,
      .id = json.at("id").get<std::string>(),
      .path = json.at("path").get<std::string>(),
      .body = {},
      .status = json.at("status").get<int>(),
      .is_redacted = json.value("redacted", false),
      .is_complete = json.value("complete", true),
      .reply = json.value("reply", std::vector<std::string>()),
      .predicted_tokens = member(json, "tokens", "predicted"),
      .predicted_ms = member(json, "timings", "predicted_ms"),
      .computed_tokens = member(json, "tokens", "prompt") - member(json, "tokens", "cached"),
      .prompt_ms = member(json, "timings", "prompt_ms")};
  const Json& body = json.at("body");
  record.body = body.is_string() ? body.get<std::string>() : body.is_null() ? "" : body.dump();
  return record;
}

Replay::Replay(const std::string& path) : path_(path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("--replay: cannot read '{}'", path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      Json json = Json::parse(line);
      if (json.value("redacted", false)) json.erase("reply");  // hashes
      records_.push_back(read(json, number));
    } catch (const Json::exception& error) {
      fail("--replay: line {} of '{}' is no record of a request log: {}", number, path,
           error.what());
    }
  }
  if (records_.empty()) fail("--replay: '{}' holds no request", path);
}

Replay::Summary Replay::run(Service& service, const std::function<bool()>& is_stopped) const {
  const http::Router router(service.routes());
  Summary summary;
  Tally tally;
  for (const Record& record : records_) {
    if (is_stopped()) break;
    if (record.is_redacted || !record.is_complete || is_of_the_moment(record.status)) {
      ++tally.left_out;
      continue;
    }
    http::Request request;
    request.method = "POST";
    request.path = record.path;
    request.body = record.body;
    request.id = record.id;
    const Answer answer = ask(router, std::move(request));
    const auto now = [&](const char* name) { return number_of(answer.notes, name); };
    tally.prompts_then.add(record.computed_tokens, record.prompt_ms);
    tally.then.add(record.predicted_tokens, record.predicted_ms);
    tally.prompts_now.add(now("prompt_tokens") - now("cached_tokens"), now("prompt_ms"));
    tally.now.add(now("predicted_tokens"), now("predicted_ms"));

    const bool has_status = answer.status == record.status;
    if (has_status && !record.reply.empty() && !answer.notes.repeatable) {
      ++tally.drawn;
      continue;
    }
    const std::string what =
        has_status ? difference(record.reply, answer.notes.texts)
                   : fmt::format("status was {} and is {}", record.status, answer.status);
    ++(what.empty() ? tally.same : tally.different);
    if (what.empty()) continue;
    summary.text += fmt::format("different: line {}, id {}, {}: {}\n", record.line, record.id,
                                record.path, what);
  }
  summary.text += fmt::format(
      "replayed {} of {} requests of {}\n"
      "same: {}\ndifferent: {}\nnot compared, drawn at random: {}\n"
      "left out (redacted, cut off, or refused for reasons of that time): {}\n"
      "prompt tokens/s: {:.1f} then, {:.1f} now\n"
      "generated tokens/s: {:.1f} then, {:.1f} now\n",
      tally.done(), records_.size(), path_, tally.same, tally.different, tally.drawn,
      tally.left_out, tally.prompts_then.per_second(), tally.prompts_now.per_second(),
      tally.then.per_second(), tally.now.per_second());
  summary.is_same = tally.different == 0 && tally.done() > 0 && !is_stopped();
  return summary;
}

}  // namespace llm::server
