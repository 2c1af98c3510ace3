#include "http/client_call.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <mutex>

#include "http/strand.h"

namespace llm::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Local = asio::local::stream_protocol;
using Clock = std::chrono::steady_clock;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kMaxHeadBytes = 64 << 10;
constexpr std::size_t kMaxFetched = 16 << 20;

std::string head_of(const ClientRequest& request) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
                                request.method, request.target);
  for (const auto& [name, value] : request.headers) out += fmt::format("{}: {}\r\n", name, value);
  if (!request.body.empty() || request.method == "POST")
    out += fmt::format("Content-Length: {}\r\n", request.body.size());
  return out + "\r\n";
}

}  // namespace

struct ClientCall::State : std::enable_shared_from_this<ClientCall::State> {
  explicit State(std::chrono::milliseconds limit) : silence(limit) {}

  void open(const asio::any_io_executor& on) {
    const std::lock_guard lock(mutex);
    executor = on;
    socket.emplace(on);
    timer.emplace(on);
    parser.header_limit(kMaxHeadBytes);
    parser.body_limit(boost::none);
  }

  /// Closes the socket unless the wait ends before.
  void begin_wait() {
    timer->expires_after(silence);
    timer->async_wait([self = shared_from_this(), number = ++wait_number](error_code ec) {
      if (ec || number != self->wait_number) return;
      self->is_silent = true;
      self->close();
    });
  }
  void end_wait() {
    ++wait_number;
    timer->cancel();
  }

  void close() {
    error_code ignored;
    socket->close(ignored);
  }

  void check(const error_code& ec, const char* doing, bool sent) {
    if (is_cancelled) throw PeerError("cancelled", sent);
    if (is_silent) throw PeerError(fmt::format("{}: it is silent", doing), sent);
    if (ec) throw PeerError(fmt::format("{}: {}", doing, ec.message()), sent);
  }

  const std::chrono::milliseconds silence;
  std::mutex mutex;  // of what cancel() reads: executor, whether socket is there
  asio::any_io_executor executor;
  std::optional<Local::socket> socket;
  std::optional<asio::steady_timer> timer;
  std::uint64_t wait_number = 0;  // tells a timeout of this wait from one that came too late
  bool was_sent = false, is_silent = false;
  std::atomic<bool> is_cancelled{false};
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::buffer_body> parser;
  std::array<char, 16 << 10> piece;
};

ClientCall::ClientCall(std::chrono::milliseconds silence)
    : state_(std::make_shared<State>(silence)) {}

ClientCall::~ClientCall() = default;

Task<ClientCall::Head> ClientCall::send(const std::string& socket_path,
                                        const ClientRequest& request) {
  const auto state = state_;
  const auto executor = co_await asio::this_coro::executor;
  // From here on everything, cancel() too, happens on this executor.
  if (!runs_on(executor)) co_await asio::dispatch(asio::use_awaitable);
  state->open(executor);
  state->check({}, "connect", false);
  const auto [no_connection] =
      co_await state->socket->async_connect(Local::endpoint(socket_path), kAwait);
  state->check(no_connection, "connect", false);
  const std::string head = head_of(request);
  const std::array<asio::const_buffer, 2> bytes = {asio::buffer(head), asio::buffer(request.body)};
  state->begin_wait();
  const auto [not_sent, sent] = co_await asio::async_write(*state->socket, bytes, kAwait);
  state->end_wait();
  // A server that refuses a large body answers before it has read all of it.
  if (not_sent != asio::error::broken_pipe) state->check(not_sent, "send", true);
  if (request.method == "HEAD") state->parser.skip(true);
  state->was_sent = true;
  state->begin_wait();
  const auto [no_head, size] =
      co_await beast::http::async_read_header(*state->socket, state->buffer, state->parser, kAwait);
  state->end_wait();
  state->check(no_head, "read the head", true);

  Head out;
  out.status = static_cast<int>(state->parser.get().result_int());
  for (const auto& field : state->parser.get())
    out.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  if (const auto length = state->parser.content_length()) out.content_length = *length;
  out.has_body = !state->parser.is_done();
  co_return out;
}

Task<std::string_view> ClientCall::read() {
  const auto state = state_;
  auto& body = state->parser.get().body();
  while (!state->parser.is_done()) {
    body.data = state->piece.data();
    body.size = state->piece.size();
    body.more = true;
    state->begin_wait();
    auto [ec, size] =
        co_await beast::http::async_read_some(*state->socket, state->buffer, state->parser, kAwait);
    state->end_wait();
    if (ec == beast::http::error::need_buffer) ec = {};
    const std::size_t filled = state->piece.size() - body.size;
    if (ec && filled == 0) state->check(ec, "read the body", true);
    if (filled > 0) co_return std::string_view(state->piece.data(), filled);
  }
  co_return std::string_view{};
}

bool ClientCall::was_sent() const {
  return state_->was_sent;
}

void ClientCall::cancel() {
  state_->is_cancelled = true;
  const std::lock_guard lock(state_->mutex);
  if (!state_->socket) return;  // send() looks at is_cancelled
  asio::post(state_->executor, [state = state_] { state->close(); });
}

Response fetch(const std::string& socket_path, const ClientRequest& request,
               std::chrono::milliseconds silence) {
  asio::io_context io;
  Response response;
  std::exception_ptr problem;
  const auto ask = [&]() -> Task<void> {
    ClientCall call(silence);
    auto head = co_await call.send(socket_path, request);
    response.status = head.status;
    response.headers = std::move(head.headers);
    while (true) {
      const auto piece = co_await call.read();
      if (piece.empty()) break;
      response.body += piece;
      if (response.body.size() > kMaxFetched) throw PeerError("the answer is too long", true);
    }
  };
  asio::co_spawn(io, ask, [&](std::exception_ptr raised) { problem = raised; });
  io.run();
  if (problem) std::rethrow_exception(problem);
  return response;
}

}  // namespace llm::http
