#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "http/stream.h"

namespace llm::http {
namespace {

namespace asio = boost::asio;

class PlainStream final : public Stream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  Task<error_code> handshake() override { co_return error_code{}; }

  void read(asio::mutable_buffer buffer,
            std::function<void(error_code, std::size_t)> done) override {
    socket_.async_read_some(buffer, std::move(done));
  }

  std::size_t try_write(std::string_view bytes) override {
    error_code would_block;
    return socket_.write_some(asio::buffer(bytes), would_block);
  }

  Task<error_code> write(std::string_view bytes) override {
    const auto [ec, written] = co_await asio::async_write(socket_, asio::buffer(bytes),
                                                          asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  Task<void> finish_writing() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    co_return;
  }

  void cancel_read() override {
    error_code ignored;
    socket_.cancel(ignored);
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(Socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace llm::http
