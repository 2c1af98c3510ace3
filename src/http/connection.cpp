#include "http/connection.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "base/log.h"
#include "http/live_exchange.h"
#include "http/message.h"
#include "http/strand.h"
#include "http/target.h"

namespace llm::http {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

/// Bytes of further requests that are taken while one is answered; then the client must wait.
constexpr std::size_t kMaxPipelined = 64 << 10;
/// What is logged for an answer that nobody waits for any more, as other servers do.
constexpr int kClientGone = 499;
/// Answers up to this size go out with their head in one write.
constexpr std::size_t kSmallBody = 64 << 10;
/// A client that still sends when it was refused may send so much more before it is cut.
constexpr std::size_t kMaxDiscarded = 1 << 20;
constexpr std::chrono::milliseconds kLinger{2000}, kLingerWhenStopping{200};
/// More than Keep-Alive promises, so that the client is the one who closes.
constexpr seconds kIdleMargin{2};

}  // namespace

Connection::Connection(const asio::any_io_executor& strand, Core& core,
                       std::unique_ptr<Stream> stream, std::string peer)
    : strand_(strand),
      core_(core),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      read_wake_(strand),
      write_timer_(strand) {}

Connection::~Connection() = default;

Task<void> Connection::run() {
  const auto self = shared_from_this();
  const seconds head_timeout(core_.settings.head_timeout_s);
  write_timer_.expires_after(head_timeout);
  write_timer_.async_wait([self, number = write_number_](error_code ec) {
    if (!ec && number == self->write_number_) self->stream_->close();
  });
  const error_code ec = co_await stream_->handshake();
  ++write_number_;
  write_timer_.cancel();
  if (ec) {
    log::debug("{}: TLS handshake failed: {}", peer_, ec.message());
  } else {
    while (co_await serve_one()) is_first_ = false;
    co_await linger();
  }
  is_watching_ = false;
  set_idle(false);
  stream_->close();
}

Task<void> Connection::come_back() {
  if (!runs_on(strand_)) co_await asio::dispatch(asio::use_awaitable);
}

void Connection::close_when_idle() {
  asio::post(strand_, [self = shared_from_this()] {
    if (self->idle_since() != Clock::time_point::max()) self->cut();
  });
}

void Connection::cut() {
  asio::post(strand_, [self = shared_from_this()] {
    self->is_cut_ = self->is_broken_ = true;
    self->client_went_away();
    self->stream_->close();
  });
}

void Connection::client_went_away() {
  if (current_) current_->client_went_away();
}

void Connection::set_idle(bool is_idle) {
  const auto since = is_idle ? Clock::now() : Clock::time_point::max();
  idle_since_ = since.time_since_epoch().count();
}

// ---- reading

void Connection::start_read() {
  if (is_reading_ || read_error_ || is_cut_) return;
  is_reading_ = true;
  stream_->read(asio::buffer(chunk_), [self = shared_from_this()](error_code ec, std::size_t n) {
    self->on_read(ec, n);
  });
}

void Connection::on_read(error_code ec, std::size_t bytes) {
  is_reading_ = false;
  if (ec)
    read_error_ = ec;
  else
    pending_.append(chunk_.data(), bytes);
  read_wake_.cancel();
  if (!is_watching_) return;
  if (ec)
    client_went_away();
  else if (pending_.size() < kMaxPipelined)
    start_read();
}

Task<Connection::Read> Connection::read_more(Clock::time_point deadline) {
  start_read();
  while (is_reading_) {
    if (Clock::now() >= deadline) co_return Read::timed_out;
    read_wake_.expires_at(deadline);
    co_await read_wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return read_error_ || is_cut_ ? Read::closed : Read::data;
}

Task<bool> Connection::read_head(RequestParser& parser) {
  const seconds head_timeout(core_.settings.head_timeout_s);
  const seconds idle_timeout = seconds(core_.settings.keep_alive_s) + kIdleMargin;
  auto deadline = Clock::now() + (is_first_ ? head_timeout : idle_timeout);
  bool has_begun = false;
  for (;;) {
    // Line breaks before a request are to be ignored (RFC 9112, 2.2).
    if (!has_begun) pending_.erase(0, pending_.find_first_not_of("\r\n"));
    if (!pending_.empty() && !has_begun) {
      has_begun = true;
      set_idle(false);
      request_begun_ = Clock::now();
      deadline = request_begun_ + head_timeout;
    }
    pending_.erase(0, parser.feed(pending_));
    if (parser.failure_status() != 0) {
      co_await refuse(parser.failure_status(), parser.failure_text());
      co_return false;
    }
    if (parser.has_head()) co_return true;
    if (!has_begun) {
      if (core_.stopping) co_return false;
      set_idle(true);
    }
    const auto read = co_await read_more(deadline);
    if (read == Read::timed_out && has_begun)
      co_await refuse(408, "the request's head did not arrive in time");
    if (read != Read::data) co_return false;
  }
}

Task<bool> Connection::read_body(RequestParser& parser) {
  parser.begin_body();
  for (;;) {
    pending_.erase(0, parser.feed(pending_));
    if (parser.failure_status() != 0) {
      co_await refuse(parser.failure_status(), parser.failure_text());
      co_return false;
    }
    if (parser.is_complete()) co_return true;
    if (pending_.size() > core_.settings.max_head_bytes) {  // a chunk header without an end
      co_await refuse(400, "malformed HTTP request: chunk header is too long");
      co_return false;
    }
    const auto read = co_await read_more(Clock::now() + seconds(core_.settings.timeout_s));
    if (read == Read::timed_out) co_await refuse(408, "the request's body did not arrive in time");
    if (read != Read::data) co_return false;
  }
}

// ---- writing

Task<bool> Connection::send(std::string_view bytes) {
  if (is_broken_) co_return false;
  bytes.remove_prefix(stream_->try_write(bytes));
  if (bytes.empty()) co_return true;
  const auto number = ++write_number_;
  write_timer_.expires_after(seconds(core_.settings.timeout_s));
  write_timer_.async_wait([self = shared_from_this(), number](error_code ec) {
    if (!ec && number == self->write_number_) self->stream_->close();
  });
  const error_code ec = co_await stream_->write(bytes);
  ++write_number_;
  write_timer_.cancel();
  if (ec) {
    is_broken_ = true;
    client_went_away();
  }
  co_return !ec;
}

Task<bool> Connection::send_response(Request& request, Response response, const Headers& cors,
                                     bool keeps_alive, bool is_http_1_0, const Route* route,
                                     Notes& notes) {
  apply_range(request, response);
  // As the reference: a client that was refused starts anew.
  if (response.status >= 400 || core_.stopping) keeps_alive = false;
  const bool has_body = response.status != 204 && response.status != 304;
  const bool shows_ranges = request.method == "HEAD" && response.status == 200 &&
                            find_header(response.headers, "Accept-Ranges").empty();
  if (shows_ranges) response.headers.emplace_back("Accept-Ranges", "bytes");
  ResponseHead head{.status = response.status,
                    .cors = &cors,
                    .own = &response.headers,
                    .request_id = request.id,
                    .is_http_1_0 = is_http_1_0};
  if (has_body) head.content_length = response.body.size();
  if (keeps_alive) head.keep_alive_s = core_.settings.keep_alive_s;
  if (!has_body || request.method == "HEAD") response.body.clear();
  std::string bytes = to_bytes(head);
  const bool is_small = response.body.size() <= kSmallBody;
  if (is_small) bytes += response.body;
  // Before the answer is out, so that whoever has it finds it counted.
  tell({request, route, response.status, response.body.size(), seconds_since_begin(), notes});
  bool is_sent = co_await send(bytes);
  if (is_sent && !is_small) is_sent = co_await send(response.body);
  co_return is_sent&& keeps_alive;
}

Task<void> Connection::refuse(int status, const std::string& message) {
  Request nobody;
  nobody.id = request_id("");
  auto response = error_response(status, "invalid_request_error", message);
  Notes nothing;
  co_await send_response(nobody, std::move(response), {}, false, false, nullptr, nothing);
}

Task<void> Connection::linger() {
  if (is_cut_ || is_broken_) co_return;
  set_idle(true);  // whoever needs the place may end this
  const auto deadline = Clock::now() + (core_.stopping ? kLingerWhenStopping : kLinger);
  const auto self = shared_from_this();
  const auto number = ++write_number_;
  write_timer_.expires_at(deadline);
  write_timer_.async_wait([self, number](error_code ec) {
    if (!ec && number == self->write_number_) self->stream_->close();
  });
  if (is_reading_) {
    stream_->cancel_read();
    while (is_reading_ && Clock::now() < deadline) {
      read_wake_.expires_at(deadline);
      co_await read_wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (read_error_ == asio::error::operation_aborted) read_error_ = {};
  }
  co_await stream_->finish_writing();
  // Closing with unread bytes would make the system throw away what the client has not read yet.
  std::size_t discarded = 0;
  while (discarded < kMaxDiscarded) {
    const auto read = co_await read_more(deadline);
    if (read != Read::data) break;
    discarded += pending_.size();
    pending_.clear();
  }
  ++write_number_;
  write_timer_.cancel();
}

// ---- one request

Request Connection::make_request(const RequestParser& parser) {
  Request request;
  request.method = parser.method();
  request.headers = parser.headers();
  request.id = request_id(request.header("X-Request-Id"));
  request.peer = peer_;
  return request;
}

Task<bool> Connection::serve_one() {
  RequestParser parser(core_.settings.max_head_bytes, core_.settings.max_body_bytes);
  if (!co_await read_head(parser)) co_return false;
  Request request = make_request(parser);
  auto target = parse_target(parser.target());
  if (!target) {
    co_await refuse(400, "malformed HTTP request: bad target");
    co_return false;
  }
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  const Headers cors = cors_headers(core_, request);
  const BodyFacts body{.content_length = parser.content_length(),
                       .is_chunked = parser.is_chunked(),
                       .is_http_1_0 = parser.is_http_1_0()};
  auto admission = admit(core_, request, body);
  if (admission.answer) {
    // A body that was not read would be taken for the next request.
    const bool keeps_alive = parser.wants_keep_alive() && parser.is_complete();
    Notes nothing;
    co_return co_await send_response(request, std::move(*admission.answer), cors, keeps_alive,
                                     body.is_http_1_0, admission.route, nothing);
  }
  if (!parser.is_complete()) {
    const bool waits_for_consent = !request.header("Expect").empty() && pending_.empty();
    if (waits_for_consent) co_await send("HTTP/1.1 100 Continue\r\n\r\n");
    const bool has_body = co_await read_body(parser);
    if (!has_body) co_return false;
    request.body = parser.take_body();
  }
  co_return co_await answer(parser, request, admission, cors);
}

Task<bool> Connection::answer(RequestParser& parser, Request& request, Admission& admission,
                              const Headers& cors) {
  const bool is_http_1_0 = parser.is_http_1_0(), keeps_alive = parser.wants_keep_alive();
  LiveExchange exchange(*this, request, cors, keeps_alive, is_http_1_0);
  exchange.set_permit(admission.permit.get());
  current_ = &exchange;
  is_watching_ = true;
  if (read_error_)
    client_went_away();
  else
    start_read();
  auto [response, has_failed] = co_await call(*admission.route, exchange);
  admission.permit.reset();  // writing the answer is the client's time
  is_watching_ = false;
  current_ = nullptr;
  if (exchange.client_gone()) {
    exchange.notes.complete = false;
    response.status = kClientGone;  // for the log and the observer
  }
  if (!exchange.stream_begun())
    co_return co_await send_response(request, std::move(response), cors, keeps_alive, is_http_1_0,
                                     admission.route, exchange.notes);
  exchange.notes.complete &= !has_failed && !is_broken_;
  tell({request, admission.route, exchange.status(), exchange.bytes(), seconds_since_begin(),
        exchange.notes});
  // A failed stream must not look complete: the connection just ends.
  if (has_failed) is_broken_ = true;
  if (is_broken_) co_return false;
  co_return co_await exchange.end_stream();
}

Task<Connection::Outcome> Connection::call(const Route& route, LiveExchange& exchange) {
  const auto& request = exchange.request();
  Outcome outcome{.has_failed = true};
  try {
    if (!route.quick) co_await exchange.to_worker();
    outcome.response = co_await route.handler(exchange);
    outcome.has_failed = false;
  } catch (const RequestError& error) {
    outcome.response = error_response(error.status, error.type, error.what());
  } catch (const std::exception& error) {
    log::write(log::Level::err, request.id, fmt::format("request failed: {}", error.what()));
    outcome.response = error_response(500, "server_error",
                                      "internal error; the log tells more under " + request.id);
  }
  co_await come_back();
  co_return outcome;
}

double Connection::seconds_since_begin() const {
  return std::chrono::duration<double>(Clock::now() - request_begun_).count();
}

void Connection::tell(const Answered& answered) const {
  const Request& request = answered.request;
  std::vector<log::Field> fields = {{"method", request.method},
                                    {"path", request.path},
                                    {"status", std::int64_t{answered.status}},
                                    {"ms", answered.seconds * 1000},
                                    {"bytes", static_cast<std::int64_t>(answered.bytes)},
                                    {"peer", peer_}};
  fields.insert(fields.end(), answered.notes.fields.begin(), answered.notes.fields.end());
  log::write(log::Level::info, request.id, "request", fields);
  if (core_.settings.observer) core_.settings.observer(answered);
}

}  // namespace llm::http
