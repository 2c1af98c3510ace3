// Fetching what requests name, against a server of this process.
#include "hub/remote.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "base/error.h"
#include "hub/hub.h"

namespace llm::hub {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Answers every connection on 127.0.0.1 with the same bytes, and then holds it open a while.
class Listener {
 public:
  explicit Listener(std::string answer, std::chrono::milliseconds hold = 0ms)
      : answer_(std::move(answer)), hold_(hold), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, plain, length) != 0 || ::listen(socket_, 8) != 0 ||
        ::getsockname(socket_, plain, &length) != 0)
      throw Error("no socket");
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Listener() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

  std::string url(const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(port) + "/x";
  }

  int port = 0;
  std::atomic<int> connections{0};

 private:
  void serve() {
    for (int peer; (peer = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(peer)) {
      ++connections;
      char request[4096];
      if (::recv(peer, request, sizeof request, 0) <= 0) continue;
      ::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      // The client gives up first, or the time is over.
      wait_for(peer);
    }
  }
  void wait_for(int peer) const {
    timeval time{.tv_sec = hold_.count() / 1000, .tv_usec = hold_.count() % 1000 * 1000};
    if (hold_.count() == 0) return;
    ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    char byte;
    static_cast<void>(::recv(peer, &byte, 1, 0));
  }

  std::string answer_;
  std::chrono::milliseconds hold_;
  int socket_;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool anywhere(const sockaddr&) {
  return true;
}

std::string refusal(const RemoteFetcher& fetcher, const std::string& url) {
  try {
    fetcher.get(url);
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

class Remote : public testing::Test {
  void SetUp() override {
    if (!can_download()) GTEST_SKIP() << "built without downloads";
  }
};

TEST_F(Remote, GivesTheBytesAndTheirType) {
  const Listener server(ok("picture"));
  const auto content = RemoteFetcher({.allowed = true}, anywhere).get(server.url());
  EXPECT_EQ(content.bytes, "picture");
  EXPECT_EQ(content.type, "image/png");
}

TEST_F(Remote, IsRefusedUnlessTheOperatorAllowsIt) {
  const Listener server(ok("picture"));
  EXPECT_THAT(refusal(RemoteFetcher({}, anywhere), server.url()), HasSubstr("not allowed"));
  EXPECT_EQ(server.connections, 0);
}

TEST_F(Remote, NeverConnectsToThisMachine) {
  const Listener server(ok("secret"));
  const RemoteFetcher fetcher({.allowed = true});
  // Also by names, and in the odd spellings that resolvers accept.
  for (const char* host : {"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0",
                           "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::]"})
    EXPECT_NE(refusal(fetcher, server.url(host)), "(no error)") << host;
  EXPECT_THAT(refusal(fetcher, server.url()), HasSubstr("may not reach"));
  EXPECT_EQ(server.connections, 0);
}

TEST_F(Remote, AProxyOfTheEnvironmentIsNoWayAround) {
  const Listener proxy(ok("secret"));
  const std::string address = "http://127.0.0.1:" + std::to_string(proxy.port);
  ::setenv("http_proxy", address.c_str(), 1);
  EXPECT_NE(refusal(RemoteFetcher({.allowed = true, .time = 300ms}), "http://192.0.2.1/x"),
            "(no error)");
  ::unsetenv("http_proxy");
  EXPECT_EQ(proxy.connections, 0);
}

TEST_F(Remote, ChecksWhereARedirectLeads) {
  const Listener secret(ok("secret"));
  const Listener server("HTTP/1.1 302 Found\r\nLocation: " + secret.url() +
                        "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const auto only_first = [port = server.port](const sockaddr& address) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port) == port;
  };
  EXPECT_THAT(refusal(RemoteFetcher({.allowed = true}, only_first), server.url()),
              HasSubstr("may not reach"));
  EXPECT_EQ(secret.connections, 0);
  EXPECT_EQ(RemoteFetcher({.allowed = true}, anywhere).get(server.url()).bytes, "secret");
}

TEST_F(Remote, DoesNotFollowOtherSchemesOrEndlessRedirects) {
  const Listener file("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n");
  EXPECT_NE(refusal(RemoteFetcher({.allowed = true}, anywhere), file.url()), "(no error)");
  const Listener loop(
      "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_THAT(refusal(RemoteFetcher({.allowed = true}, anywhere), loop.url()),
              HasSubstr("more than 3 times"));
  EXPECT_EQ(loop.connections, 4);
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/x", "dict://127.0.0.1", "x"})
    EXPECT_THAT(refusal(RemoteFetcher({.allowed = true}, anywhere), url), HasSubstr("http")) << url;
}

TEST_F(Remote, BoundsSizeWhetherAnnouncedOrNot) {
  const RemoteFetcher fetcher({.allowed = true, .bytes = 1000}, anywhere);
  const Listener announced(ok(std::string(1001, 'x')));
  EXPECT_THAT(refusal(fetcher, announced.url()), HasSubstr("larger than 1000 bytes"));
  const Listener endless("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(5000, 'x'));
  EXPECT_THAT(refusal(fetcher, endless.url()), HasSubstr("larger than 1000 bytes"));
  const Listener exact(ok(std::string(1000, 'x')));
  EXPECT_EQ(fetcher.get(exact.url()).bytes.size(), 1000u);
}

TEST_F(Remote, TheBodyOfAnErrorIsNotReadToItsEnd) {
  const Listener server("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n" +
                            std::string(std::size_t{2} << 20, 'x'),
                        5s);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(refusal(RemoteFetcher({.allowed = true}, anywhere), server.url()),
              HasSubstr("status 404"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST_F(Remote, BoundsTime) {
  const Listener slow("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 5s);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_NE(refusal(RemoteFetcher({.allowed = true, .time = 200ms}, anywhere), slow.url()),
            "(no error)");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_F(Remote, AnErrorStatusIsAnError) {
  const Listener server(
      "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  EXPECT_THAT(refusal(RemoteFetcher({.allowed = true}, anywhere), server.url()),
              HasSubstr("status 404"));
}

}  // namespace
}  // namespace llm::hub
