#include "server/streams/output.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/error.h"
#include "server/reply_format.h"

namespace llm::server {
namespace {

/// A router remembers names up to this length, too.
constexpr std::size_t kMostNameBytes = 256;
constexpr const char* kTooSlow =
    R"({"error":{"code":410,"message":"the client reads too slowly: the next bytes are no longer kept","type":"gone_error"}})";

}  // namespace

std::optional<StreamName> stream_name(const http::Request& request) {
  const auto id = request.header("X-Conversation-Id");
  if (id.empty()) return std::nullopt;
  if (id.size() > kMostNameBytes) {
    bad_field("X-Conversation-Id", "the header X-Conversation-Id may have at most 256 bytes");
  }
  return StreamName{request.client, std::string(id)};
}

http::Task<void> send_stream(http::Exchange& exchange, std::shared_ptr<StreamReader> reader) {
  co_await exchange.begin_stream();
  for (;;) {
    const auto text = co_await reader->next();
    if (!text) break;
    if (!co_await exchange.write(*text)) break;
  }
  if (reader->was_too_slow()) {
    const std::string event = sse(kTooSlow);
    co_await exchange.write(event);
  }
  reader->leave();
}

StreamOutput::StreamOutput(StreamStore* store, http::Exchange& exchange,
                           std::function<void()> cancel)
    : exchange_(exchange) {
  if (store != nullptr) {
    if (const auto name = stream_name(exchange.request())) {
      if (auto begun = store->begin(*name, cancel)) {
        writer_ = std::move(begun->writer);
        reader_ = std::move(begun->reader);
      }
    }
  }
  if (!writer_) {
    exchange.on_client_gone(std::move(cancel));
    return;
  }
  exchange.on_client_gone([weak = std::weak_ptr(reader_)] {
    if (const auto reader = weak.lock()) reader->leave();
  });
}

http::Task<void> StreamOutput::begin() {
  has_begun_ = true;
  if (!writer_) {
    co_await exchange_.begin_stream();
    co_return;
  }
  client_ = std::make_shared<Client>();
  const auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::co_spawn(executor, send_stream(exchange_, reader_),
                        [client = client_](std::exception_ptr problem) {
                          client->problem = problem;
                          client->has_all.notify();
                        });
}

http::Task<bool> StreamOutput::write(std::string_view events) {
  if (writer_) co_return writer_->append(events);
  co_return co_await exchange_.write(events);
}

void StreamOutput::leave_word(std::string_view event) {
  if (writer_) writer_->append(event);
}

http::Task<void> StreamOutput::finish() {
  if (!writer_) co_return;
  if (has_begun_)
    writer_->end();
  else
    writer_->drop();
  if (!client_) co_return;
  constexpr auto kForever = std::chrono::steady_clock::time_point::max();
  co_await client_->has_all.wait(kForever);
  if (client_->problem) std::rethrow_exception(client_->problem);
}

}  // namespace llm::server
