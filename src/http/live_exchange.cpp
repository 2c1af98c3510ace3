#include "http/live_exchange.h"

#include <fmt/format.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "base/error.h"
#include "http/message.h"

namespace llm::http {

namespace asio = boost::asio;

LiveExchange::LiveExchange(Connection& connection, const Request& request, const Headers& cors,
                           bool keeps_alive, bool is_http_1_0)
    : connection_(connection),
      request_(request),
      cors_(cors),
      is_http_1_0_(is_http_1_0),
      keeps_alive_(keeps_alive) {}

void LiveExchange::on_client_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_gone_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void LiveExchange::client_went_away() {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    is_gone_ = true;
    callbacks.swap(callbacks_);
  }
  for (const auto& callback : callbacks) callback();
}

Task<void> LiveExchange::to_worker() {
  co_await asio::post(
      asio::bind_executor(connection_.core_.workers->get_executor(), asio::use_awaitable));
}

Task<void> LiveExchange::begin_stream(Headers headers, int status) {
  co_await connection_.come_back();
  if (is_begun_.exchange(true)) fail("a stream was begun twice");
  status_ = status;
  if (find_header(headers, "Content-Type").empty()) {
    headers.emplace_back("X-Accel-Buffering", "no");
    headers.emplace_back("Cache-Control", "no-cache");
    headers.emplace_back("Content-Type", "text/event-stream");
  }
  if (const auto length = find_header(headers, "Content-Length"); !length.empty()) {
    framing_ = Framing::counted;
    std::from_chars(length.data(), length.data() + length.size(), declared_bytes_);
  } else if (is_http_1_0_) {
    framing_ = Framing::until_close;
  }
  if (framing_ == Framing::until_close || connection_.core_.stopping) keeps_alive_ = false;
  ResponseHead head{.status = status,
                    .cors = &cors_,
                    .own = &headers,
                    .request_id = request_.id,
                    .is_chunked = framing_ == Framing::chunked,
                    .is_http_1_0 = is_http_1_0_};
  if (keeps_alive_) head.keep_alive_s = connection_.core_.settings.keep_alive_s;
  const std::string bytes = to_bytes(head);
  co_await connection_.send(bytes);
}

Task<bool> LiveExchange::write(std::string_view chunk) {
  co_await connection_.come_back();
  if (!is_begun_) fail("a stream must be begun before it is written");
  if (is_gone_ || request_.method == "HEAD") co_return false;
  if (chunk.empty()) co_return true;  // an empty chunk would end the stream
  bytes_ += chunk.size();
  if (framing_ != Framing::chunked) co_return co_await connection_.send(chunk);
  const std::string framed = fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  co_return co_await connection_.send(framed);
}

Task<bool> LiveExchange::end_stream() {
  if (is_gone_) co_return false;
  if (request_.method == "HEAD") co_return keeps_alive_;
  bool is_sent = true;
  if (framing_ == Framing::chunked) is_sent = co_await connection_.send("0\r\n\r\n");
  co_return is_sent&& keeps_alive_ && (framing_ != Framing::counted || bytes_ == declared_bytes_);
}

}  // namespace llm::http
