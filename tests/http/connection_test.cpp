// Time, load and departure: slow senders, slow readers, clients that go, many at once, the end.
#include <gmock/gmock.h>

#include <thread>

#include "http/test_server.h"

namespace llm::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

TEST(HttpConnection, StreamsArriveInChunks) {
  TestServer server;
  Client client(server.port());
  const auto reply = client.ask("GET", "/events");
  EXPECT_EQ(reply["content-type"], "text/event-stream");
  EXPECT_EQ(reply["transfer-encoding"], "chunked");
  EXPECT_EQ(reply["x-accel-buffering"], "no");
  EXPECT_EQ(reply.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  EXPECT_TRUE(reply.is_complete);
  EXPECT_EQ(client.ask("GET", "/health").status, 200);
}

TEST(HttpConnection, AFastStreamOfManyChunksNeedsNoStack) {
  // Chunks that the system takes at once, so that the handler never has to wait.
  constexpr int kChunks = 200000;
  Handler many = [](Exchange& exchange) -> Task<Response> {
    co_await exchange.begin_stream();
    for (int i = 0; i < kChunks; ++i) co_await exchange.write("x");
    co_return Response{};
  };
  TestServer server({}, {{.method = "GET", .path = "/many", .handler = many}});
  EXPECT_EQ(server.ask("GET", "/many").body, std::string(kChunks, 'x'));
}

TEST(HttpConnection, AStreamThatFailsDoesNotLookComplete) {
  TestServer server;
  Client client(server.port());
  const auto reply = client.ask("GET", "/boom-in-stream");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "data: 1\n\n");
  EXPECT_FALSE(reply.is_complete);
}

TEST(HttpConnection, AClientThatGoesEndsTheWaitOfItsHandler) {
  TestServer server;
  {
    Client client(server.port());
    client.request("POST", "/wait", "x");
    EXPECT_FALSE(client.is_closed_within(milliseconds(100)));
    EXPECT_EQ(server.observed.gone, 0);
  }
  EXPECT_TRUE(
      eventually([&] { return server.observed.gone == 1 && server.observed.finished == 1; }));
  Client killed(server.port());
  killed.request("POST", "/wait", "x");
  killed.is_closed_within(milliseconds(50));
  killed.reset();
  EXPECT_TRUE(
      eventually([&] { return server.observed.gone == 2 && server.observed.finished == 2; }));
}

TEST(HttpConnection, BytesThatComeWhileAHandlerWaitsAreNoDeparture) {
  TestServer server;
  Client client(server.port());
  client.request("POST", "/wait", "x");
  client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_FALSE(client.is_closed_within(milliseconds(100)));
  EXPECT_EQ(server.observed.gone, 0);
  client.close();
  EXPECT_TRUE(eventually([&] { return server.observed.gone == 1; }));
}

TEST(HttpConnection, AClientThatGoesEndsItsStream) {
  TestServer server;
  {
    Client client(server.port());
    client.request("GET", "/endless");
    EXPECT_NE(client.read_until("data: "), "");
  }
  EXPECT_TRUE(eventually([&] { return server.observed.finished == 1; }));
  EXPECT_EQ(server.observed.gone, 1);
}

TEST(HttpConnection, AClientThatStopsReadingIsCutByTheWriteTimeout) {
  TestServer server([](ServerSettings& settings) { settings.timeout_s = 1; });
  Client client(server.port());
  client.request("GET", "/endless");
  EXPECT_TRUE(eventually([&] { return server.observed.finished == 1; }));
  EXPECT_EQ(server.observed.gone, 1);
}

TEST(HttpConnection, AHalfClosedClientStillGetsAQuickAnswer) {
  TestServer server;
  Client client(server.port());
  client.request("GET", "/health");
  client.close_sending();
  EXPECT_EQ(client.read_reply().status, 200);
}

TEST(HttpConnection, SlowHeadsTimeOut) {
  TestServer server([](ServerSettings& settings) {
    settings.head_timeout_s = 1;
    settings.keep_alive_s = 1;
  });
  Client slow(server.port());
  slow.send("GET /health HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(slow.read_reply().status, 408);
  Client silent(server.port());
  EXPECT_TRUE(silent.is_closed_within(seconds(5)));
  Client idle(server.port());
  EXPECT_EQ(idle.ask("GET", "/health").status, 200);
  EXPECT_TRUE(idle.is_closed_within(seconds(8)));
}

TEST(HttpConnection, SlowBodiesTimeOut) {
  TestServer server([](ServerSettings& settings) { settings.timeout_s = 1; });
  Client client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(client.read_reply().status, 408);
}

TEST(HttpConnection, TwoHundredConnectionsAtOnce) {
  TestServer server;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<Client>(server.port()));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) {
      if (i % 2 == 0)
        clients[i]->request("POST", "/echo", std::to_string(i));
      else
        clients[i]->request("GET", "/events");
    }
    for (int i = 0; i < 200; ++i) {
      const auto body = clients[i]->read_reply().body;
      EXPECT_EQ(body, i % 2 == 0 ? "POST /echo\n" + std::to_string(i)
                                 : "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    }
  }
  EXPECT_EQ(server->open_connections(), 200);
}

TEST(HttpConnection, BeyondTheLimitIdleConnectionsMakeRoom) {
  TestServer server([](ServerSettings& settings) { settings.max_connections = 2; });
  Client first(server.port()), second(server.port());
  EXPECT_EQ(first.ask("GET", "/health").status, 200);
  EXPECT_EQ(second.ask("GET", "/health").status, 200);
  Client third(server.port());
  EXPECT_EQ(third.ask("GET", "/health").status, 200);
  EXPECT_TRUE(first.is_closed_within(seconds(5)));
  EXPECT_EQ(second.ask("GET", "/health").status, 200);
}

TEST(HttpConnection, QuickRoutesDoNotWaitForBusyWorkers) {
  TestServer server([](ServerSettings& settings) { settings.threads = 2; });
  std::vector<std::unique_ptr<Client>> busy;
  for (int i = 0; i < 6; ++i) {
    busy.push_back(std::make_unique<Client>(server.port()));
    busy.back()->request("POST", "/work", "x");
  }
  ASSERT_TRUE(eventually([&] { return server.observed.working >= 2; }));
  // Four of six still wait for one of two workers: 900 ms of work in all.
  const auto begun = Clock::now();
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  EXPECT_LT(Clock::now() - begun, milliseconds(250));
  for (auto& client : busy) EXPECT_EQ(client->read_reply().status, 200);
}

TEST(HttpConnection, StopLetsRunningRequestsFinish) {
  TestServer server;
  Client working(server.port()), idle(server.port());
  EXPECT_EQ(idle.ask("GET", "/health").status, 200);
  working.request("POST", "/work", "done");
  ASSERT_TRUE(eventually([&] { return server.observed.working == 1; }));
  std::thread stopper([&] { server->stop(seconds(10)); });
  const auto reply = working.read_reply();
  EXPECT_EQ(reply.body, "done");
  EXPECT_EQ(reply["connection"], "close");
  EXPECT_TRUE(idle.is_closed_within(seconds(5)));
  stopper.join();
  EXPECT_THROW(Client(server.port()), std::runtime_error);
  EXPECT_EQ(server->open_connections(), 0);
}

TEST(HttpConnection, StopCutsWhatIsLeftAtTheDeadline) {
  TestServer server;
  Client waiting(server.port()), streaming(server.port());
  waiting.request("POST", "/wait", "x");
  streaming.request("GET", "/endless");
  EXPECT_NE(streaming.read_until("data: "), "");
  const auto begun = Clock::now();
  server->stop(milliseconds(100));
  EXPECT_LT(Clock::now() - begun, seconds(4));
  EXPECT_EQ(server.observed.finished, 2);
  EXPECT_EQ(server.observed.gone, 2);
}

TEST(HttpConnection, AServerThatNeverRanCanBeDestroyed) {
  ServerSettings settings;
  settings.port = 0;
  Server server(settings, {});
  EXPECT_GT(server.port(), 0);
}

}  // namespace
}  // namespace llm::http
