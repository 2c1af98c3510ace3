#include "router/proxy.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/log.h"
#include "http/client_call.h"
#include "http/message.h"
#include "router/child_report.h"
#include "router/request_model.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;

/// Answers up to this size go back in one piece, as a handler's own.
constexpr std::uint64_t kWholeBytes = 64 << 10;
/// An event longer than this goes out in pieces.
constexpr std::size_t kMaxHeldBack = 1 << 20;
/// A process that broke off has ended, or is about to: how long its end is waited for.
constexpr auto kEndingWait = 500ms, kEndingPoll = 10ms;
/// A process tells what a request has used before its answer ends, and when it is cut off as soon
/// as it has noticed; it is heard late only while it wakes up.
constexpr auto kBillWait = 10s;

/// About this hop, the door or the client's rights here; not for the child.
constexpr std::array kNotForwarded = {"Host",
                                      "Connection",
                                      "Keep-Alive",
                                      "Proxy-Authorization",
                                      "Proxy-Connection",
                                      "TE",
                                      "Trailer",
                                      "Upgrade",
                                      "Transfer-Encoding",
                                      "Content-Length",
                                      "Expect",
                                      "Origin",
                                      "Authorization",
                                      "X-Api-Key",
                                      "Cookie",
                                      "X-Request-Id",
                                      http::kClientHeader,
                                      kBillHeader};
/// About this hop, or said by the door itself.
constexpr std::array kNotReturned = {
    "Server",         "Connection",   "Keep-Alive", "Transfer-Encoding", "Trailer",
    "Content-Length", "X-Request-Id", "Vary",       "Proxy-Authenticate"};

bool is_any_of(const auto& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* one) { return http::equal_ignoring_case(one, name); });
}

/// Names that a Connection header lists belong to this hop, too.
bool is_of_connection(const http::Request& request, std::string_view name) {
  auto list = request.header("Connection");
  while (!list.empty()) {
    const auto comma = list.find(',');
    auto token = list.substr(0, comma);
    while (token.starts_with(' ')) token.remove_prefix(1);
    while (token.ends_with(' ')) token.remove_suffix(1);
    if (http::equal_ignoring_case(token, name)) return true;
    list = comma == list.npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

http::ClientRequest request_for(const http::Request& request, const Lease& lease,
                                const std::string& bill) {
  http::ClientRequest out{
      .method = request.method,
      .target = target_of(request),
      .headers = {{"Authorization", "Bearer " + lease.key()}, {"X-Request-Id", request.id}},
      .body = request.body};
  if (!request.client.empty()) out.headers.emplace_back(http::kClientHeader, request.client);
  if (!bill.empty()) out.headers.emplace_back(kBillHeader, bill);
  for (const auto& [name, value] : request.headers)
    if (!is_any_of(kNotForwarded, name) && !is_of_connection(request, name))
      out.headers.emplace_back(name, value);
  return out;
}

http::Headers returned_headers(const http::Headers& headers) {
  http::Headers out;
  for (const auto& [name, value] : headers) {
    const bool is_cors = http::equal_ignoring_case(
        std::string_view(name).substr(0, sizeof "Access-Control-" - 1), "Access-Control-");
    if (!is_any_of(kNotReturned, name) && !is_cors) out.emplace_back(name, value);
  }
  if (http::find_header(out, "X-Accel-Buffering").empty())
    out.emplace_back("X-Accel-Buffering", "no");
  return out;
}

bool is_anthropic(std::string_view path) {
  return path.starts_with("/v1/messages");
}

bool is_responses(std::string_view path) {
  return path.starts_with("/v1/responses") || path.starts_with("/responses");
}

Json error_json(std::string_view path, const RequestError& error) {
  Json body = {
      {"error", {{"code", error.status}, {"message", error.what()}, {"type", error.type}}}};
  if (!is_anthropic(path)) return body;
  const char* type = error.status == 404   ? "not_found_error"
                     : error.status == 503 ? "overloaded_error"
                     : error.status < 500  ? "invalid_request_error"
                                           : "api_error";
  body["error"]["type"] = type;
  return {{"type", "error"}, {"error", body["error"]}};
}

/// How a stream of this path's API says that it failed.
std::string error_event(std::string_view path, const RequestError& error) {
  Json json = error_json(path, error);
  if (is_responses(path)) {
    json = {{"type", "error"},
            {"code", error.type},
            {"message", error.what()},
            {"param", nullptr},
            {"error", json["error"]}};
  }
  const bool has_name = is_anthropic(path) || is_responses(path);
  return (has_name ? "event: error\ndata: " : "data: ") + dump(json) + "\n\n";
}

/// Why the process broke off: waits a moment for its end to be known.
http::Task<RequestError> broken_off(const Lease& lease, std::string problem) {
  const auto until = std::chrono::steady_clock::now() + kEndingWait;
  http::Signal nobody;
  while (!lease.ending() && std::chrono::steady_clock::now() < until)
    co_await nobody.wait(std::chrono::steady_clock::now() + kEndingPoll);
  const auto ending = lease.ending();
  std::string message = fmt::format("model '{}' broke off while it answered: ", lease.model());
  if (!ending)
    message += problem;
  else if (ending->was_asked)
    message += "it was unloaded";
  else
    message += fmt::format("its process ended with {}", ending->text);
  log::warn("{}", message);
  co_return RequestError(502, "server_error", message);
}

http::Task<http::Response> whole(http::ClientCall& call, http::ClientCall::Head head) {
  http::Response response{.status = head.status, .headers = returned_headers(head.headers)};
  for (;;) {
    const auto piece = co_await call.read();
    if (piece.empty()) break;
    response.body += piece;
  }
  co_return response;
}

/// Events go out whole, so that a process which breaks off leaves no half one behind.
class EventGate {
 public:
  /// What may go out now that `piece` has come.
  std::string pass(std::string_view piece) {
    held_ += piece;
    auto size = complete_events(held_);
    if (size == 0 && held_.size() > kMaxHeldBack) size = held_.size();
    std::string out = held_.substr(0, size);
    held_.erase(0, size);
    return out;
  }
  std::string rest() { return std::exchange(held_, {}); }

 private:
  std::string held_;
};

http::Task<http::Response> stream(http::Exchange& exchange, http::ClientCall& call,
                                  http::ClientCall::Head head, const Lease& lease) {
  auto headers = returned_headers(head.headers);
  const auto type = http::find_header(headers, "Content-Type");
  const bool has_events = type.starts_with("text/event-stream");
  if (head.content_length)
    headers.emplace_back("Content-Length", std::to_string(*head.content_length));
  co_await exchange.begin_stream(std::move(headers), head.status);
  EventGate gate;
  std::string problem;
  try {
    for (;;) {
      const auto piece = co_await call.read();
      const bool is_end = piece.empty();
      const std::string out = is_end       ? gate.rest()
                              : has_events ? gate.pass(piece)
                                           : std::string(piece);
      if (!out.empty() && !co_await exchange.write(out)) {
        call.cancel();
        co_return http::Response{};
      }
      if (is_end) co_return http::Response{};
    }
  } catch (const http::PeerError& error) {
    if (exchange.client_gone()) co_return http::Response{};
    problem = error.what();
  }
  const RequestError error = co_await broken_off(lease, problem);
  note_error(exchange.notes, error.what());
  // Without events there is no way to say it but to end before the end.
  if (!has_events || head.content_length) throw Error(error.what());
  co_await exchange.write(error_event(exchange.request().path, error));
  co_return http::Response{};
}

/// The road of forward(), without what follows it. `bill` may be empty.
http::Task<http::Response> pass(http::Exchange& exchange, http::ClientCall& call,
                                const Lease& lease, std::string bill) {
  std::string problem;
  try {
    const auto request = request_for(exchange.request(), lease, bill);
    auto head = co_await call.send(lease.socket(), request);
    if (!head.has_body)
      co_return http::Response{.status = head.status, .headers = returned_headers(head.headers)};
    const bool is_small = head.content_length && *head.content_length <= kWholeBytes;
    if (is_small) co_return co_await whole(call, std::move(head));
    co_return co_await stream(exchange, call, std::move(head), lease);
  } catch (const http::PeerError& error) {
    if (exchange.client_gone()) co_return http::Response{};
    if (!error.was_sent) throw;
    problem = error.what();
  }
  const RequestError error = co_await broken_off(lease, problem);
  throw error;
}

/// Counts what the request has used against its key's limit.
http::Task<void> pay(http::Exchange& exchange, Bill& bill) {
  const auto tokens = co_await bill.wait(kBillWait);
  if (tokens)
    exchange.spend_tokens(*tokens);
  else
    log::write(log::Level::warn, exchange.request().id,
               "its tokens are not known: the model's process did not tell them");
}

}  // namespace

std::size_t complete_events(std::string_view text) {
  std::size_t end = 0;
  for (const std::string_view blank_line : {"\n\n", "\r\n\r\n"}) {
    const auto at = text.rfind(blank_line);
    if (at != text.npos) end = std::max(end, at + blank_line.size());
  }
  return end;
}

http::Response error_reply(std::string_view path, const RequestError& error) {
  auto response = http::json_response(error.status, dump(error_json(path, error)));
  if (error.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response not_found() {
  return http::plain_refusal(404, "not_found_error", "File Not Found");
}

http::Task<http::Response> forward(http::Exchange& exchange, const Lease& lease,
                                   std::chrono::milliseconds silence) {
  const auto call = std::make_shared<http::ClientCall>(silence);
  exchange.on_client_gone([weak = std::weak_ptr(call)] {
    if (const auto alive = weak.lock()) alive->cancel();
  });
  if (!exchange.counts_tokens()) co_return co_await pass(exchange, *call, lease, "");
  Bill bill(lease.bills());
  http::Response response;
  std::exception_ptr problem;
  try {
    response = co_await pass(exchange, *call, lease, bill.number());
  } catch (...) {
    problem = std::current_exception();
  }
  if (call->was_sent()) co_await pay(exchange, bill);
  if (problem) std::rethrow_exception(problem);
  co_return response;
}

}  // namespace llm::router
