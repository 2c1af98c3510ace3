#include "http/client_call.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <functional>
#include <thread>

namespace llm::http {
namespace {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
using namespace std::chrono_literals;
using testing::HasSubstr;

/// Takes one connection, reads a request's head, and says what the test wants.
class Peer {
 public:
  explicit Peer(std::function<void(Local::socket&)> answer)
      : path_((std::filesystem::temp_directory_path() /
               ("client-call-" + std::to_string(::getpid()) + ".sock"))
                  .string()),
        acceptor_(io_, Local::endpoint(path_)),
        thread_([this, answer = std::move(answer)] {
          Local::socket socket = acceptor_.accept();
          const auto size = asio::read_until(socket, asio::dynamic_buffer(head_), "\r\n\r\n");
          head_.resize(size);
          answer(socket);
        }) {}
  /// Answers with these bytes and closes.
  explicit Peer(std::string bytes)
      : Peer([bytes = std::move(bytes)](Local::socket& socket) {
          asio::write(socket, asio::buffer(bytes));
        }) {}
  ~Peer() {
    if (thread_.joinable()) thread_.join();
    ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  std::string head() {
    thread_.join();
    return head_;
  }

 private:
  std::string path_;
  asio::io_context io_;
  Local::acceptor acceptor_;
  std::string head_;
  std::thread thread_;
};

Response get(Peer& peer) {
  return fetch(peer.path(), {.target = "/x"}, 5s);
}

std::string failure_of(Peer& peer, std::chrono::milliseconds silence = 5s) {
  try {
    fetch(peer.path(), {.target = "/x"}, silence);
  } catch (const PeerError& error) {
    EXPECT_TRUE(error.was_sent);
    return error.what();
  }
  return "it was answered";
}

TEST(ClientCall, SendsWhatItIsGiven) {
  Peer peer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok");
  const auto answer =
      fetch(peer.path(),
            {.method = "POST", .target = "/a?b=c", .headers = {{"X-Key", "k"}}, .body = "{}"}, 5s);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ok");
  EXPECT_THAT(answer.headers, testing::Contains(testing::Pair("X-A", "b")));
  const auto head = peer.head();
  EXPECT_THAT(head, testing::StartsWith("POST /a?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Key: k\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 2\r\n"));
}

TEST(ClientCall, ReadsEveryKindOfBody) {
  {
    Peer peer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(get(peer).body, "abcde");
  }
  {
    Peer peer("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    EXPECT_EQ(get(peer).body, "until the end");
  }
  {
    Peer peer("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(get(peer).body, "");
  }
}

TEST(ClientCall, AnAnswerThatBreaksOffIsAnError) {
  {
    Peer peer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_THAT(failure_of(peer), HasSubstr("read the body"));
  }
  {
    Peer peer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    EXPECT_THAT(failure_of(peer), HasSubstr("read the body"));
  }
  {
    Peer peer("HTTP/1.1 200 OK\r\nConte");
    EXPECT_THAT(failure_of(peer), HasSubstr("read the head"));
  }
  {
    Peer peer("this is no HTTP\r\n\r\n");
    EXPECT_THAT(failure_of(peer), HasSubstr("read the head"));
  }
}

TEST(ClientCall, SilenceIsAnError) {
  Peer peer([](Local::socket& socket) {
    char byte;
    boost::system::error_code until_it_closes;
    asio::read(socket, asio::buffer(&byte, 1), until_it_closes);
  });
  EXPECT_THAT(failure_of(peer, 50ms), HasSubstr("silent"));
}

TEST(ClientCall, ARequestThatDidNotGetThereMayBeSentAgain) {
  try {
    fetch("/no/such.sock", {}, 5s);
    FAIL() << "nobody listens";
  } catch (const PeerError& error) {
    EXPECT_FALSE(error.was_sent);
  }
}

TEST(ClientCall, PiecesComeWhenTheyAreThereAndCancellingEndsTheWait) {
  asio::io_context io;
  ClientCall call(5s);
  Peer peer([&](Local::socket& socket) {
    asio::write(socket, asio::buffer(std::string_view(
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")));
    char byte;
    boost::system::error_code until_it_closes;
    asio::read(socket, asio::buffer(&byte, 1), until_it_closes);
  });
  std::string seen, problem;
  const auto ask = [&]() -> Task<void> {
    const ClientRequest request{.target = "/x"};
    co_await call.send(peer.path(), request);
    for (;;) {
      const auto piece = co_await call.read();
      if (piece.empty()) co_return;
      seen += piece;
      call.cancel();
    }
  };
  asio::co_spawn(io, ask, [&](std::exception_ptr raised) {
    try {
      if (raised) std::rethrow_exception(raised);
    } catch (const PeerError& error) {
      problem = error.what();
    }
  });
  io.run();
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(problem, "cancelled");
}

}  // namespace
}  // namespace llm::http
