// Rules of HTTP and of access, seen from outside.
#include <gmock/gmock.h>

#include "base/error.h"
#include "http/test_server.h"

namespace llm::http {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HttpServer, AnswersWithTheHeadersOfTheReference) {
  TestServer server;
  const auto reply = server.ask("GET", "/health");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"status":"ok"})");
  EXPECT_EQ(reply["server"], "llama.cpp");
  EXPECT_EQ(reply["content-type"], "application/json; charset=utf-8");
  EXPECT_EQ(reply["content-length"], "15");
  EXPECT_THAT(reply["keep-alive"], HasSubstr("timeout="));
  EXPECT_FALSE(reply.has("connection"));
  EXPECT_FALSE(reply.has("access-control-allow-origin"));
}

TEST(HttpServer, KeepsTheConnectionAndAnswersInOrder) {
  TestServer server;
  Client client(server.port());
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(client.ask("POST", "/echo", std::to_string(i)).body,
              "POST /echo\n" + std::to_string(i));
  client.request("POST", "/echo", "one");
  client.request("GET", "/health");
  client.request("POST", "/echo", "two");
  EXPECT_EQ(client.read_reply().body, "POST /echo\none");
  EXPECT_EQ(client.read_reply().body, R"({"status":"ok"})");
  EXPECT_EQ(client.read_reply().body, "POST /echo\ntwo");
}

TEST(HttpServer, PipelinedRequestsWaitBehindAStream) {
  TestServer server;
  Client client(server.port());
  client.send(
      "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  EXPECT_EQ(client.read_reply().status, 200);
}

TEST(HttpServer, RequestsMayArriveByteByByte) {
  TestServer server;
  Client client(server.port());
  for (const char byte :
       std::string("\r\nPOST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"))
    client.send(std::string(1, byte));
  EXPECT_EQ(client.read_reply().body, "POST /echo\nabc");
}

TEST(HttpServer, ChunkedBodies) {
  TestServer server;
  Client client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
      "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "POST /echo\nabc0123456789");
  EXPECT_EQ(client.read_reply().status, 200);
}

TEST(HttpServer, LargeBodiesGoBothWays) {
  TestServer server;
  const std::string body(3 << 20, 'x');
  EXPECT_EQ(server.ask("POST", "/echo", body).body, "POST /echo\n" + body);
}

TEST(HttpServer, ExpectContinue) {
  TestServer server;
  Client client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 100);
  client.send("abc");
  EXPECT_EQ(client.read_reply().body, "POST /echo\nabc");
  EXPECT_EQ(server.ask("POST", "/echo", "x", "Expect: miracles\r\n").status, 417);
  // Who would be refused anyway is not asked for the body.
  Client refused(server.port());
  refused.send(
      "POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_EQ(refused.read_reply().status, 404);
}

TEST(HttpServer, ClosesWhenAskedAndAfterErrors) {
  TestServer server;
  Client polite(server.port());
  EXPECT_EQ(polite.ask("GET", "/health", "", "Connection: close\r\n")["connection"], "close");
  EXPECT_TRUE(polite.is_closed_within(std::chrono::seconds(3)));
  Client wrong(server.port());
  EXPECT_EQ(wrong.ask("GET", "/none")["connection"], "close");
  EXPECT_TRUE(wrong.is_closed_within(std::chrono::seconds(3)));
}

TEST(HttpServer, Http10) {
  TestServer server;
  Client client(server.port());
  client.send("GET /health HTTP/1.0\r\n\r\n");
  const auto reply = client.read_reply();
  EXPECT_THAT(reply.head, testing::StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(reply["connection"], "close");
  Client kept(server.port());
  kept.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read_reply()["connection"], "keep-alive");
  kept.send("GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto stream = kept.read_reply();
  EXPECT_FALSE(stream.has("transfer-encoding"));
  EXPECT_EQ(stream.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
}

TEST(HttpServer, HeadAnswersEveryGetRouteWithoutABody) {
  TestServer server;
  Client client(server.port());
  const auto reply = client.ask("HEAD", "/health");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply["content-length"], "15");
  EXPECT_EQ(reply["accept-ranges"], "bytes");
  EXPECT_EQ(client.ask("HEAD", "/events")["content-type"], "text/event-stream");
  EXPECT_EQ(client.ask("GET", "/health").status, 200);
  EXPECT_EQ(client.ask("GET", "/health", "", "Range: bytes=1-3\r\n").body, "\"st");
}

TEST(HttpServer, OptionsIsAnsweredOnEveryPath) {
  TestServer server([](ServerSettings& settings) { settings.keys.keys = {"k"}; });
  Client client(server.port());
  for (const char* path : {"/echo", "/none", "*"}) {
    const auto reply = client.ask("OPTIONS", path, "", "Origin: http://x.example\r\n");
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply["content-type"], "text/html");
    EXPECT_EQ(reply["content-length"], "0");
    EXPECT_EQ(reply["access-control-allow-origin"], "http://x.example");
    EXPECT_EQ(reply["access-control-allow-credentials"], "true");
    EXPECT_EQ(reply["access-control-allow-methods"], "GET, POST, DELETE, OPTIONS");
    EXPECT_EQ(reply["access-control-allow-headers"], "*");
  }
}

TEST(HttpServer, UnknownPathsAndMethods) {
  TestServer server;
  const auto unknown = server.ask("GET", "/none");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body,
            R"({"error":{"message":"File Not Found","type":"not_found_error","code":404}})");
  const auto wrong = server.ask("GET", "/only-post");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong["allow"], "OPTIONS, POST");
  EXPECT_THAT(wrong.body, HasSubstr(R"("code":405)"));
  EXPECT_EQ(server.ask("BREW", "/health").status, 405);
  EXPECT_EQ(server.ask("GET", "/health/").status, 404);
  EXPECT_EQ(server.ask("GET", "/he%61lth").status, 200);
  EXPECT_EQ(server.ask("GET", "/slots/7?a=b").body, "GET /slots/7\nquery a=b\nparam id=7\n");
}

TEST(HttpServer, ErrorsOfHandlers) {
  TestServer server;
  const auto refused = server.ask("GET", "/refuse");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body,
            "{\"error\":{\"code\":422,\"message\":\"top_k: \\\"x\\\" is no number\xEF\xBF\xBD\","
            "\"type\":\"invalid_request_error\"}}");
  const auto broken = server.ask("GET", "/boom", "", "X-Request-Id: r-17\r\n");
  EXPECT_EQ(broken.status, 500);
  EXPECT_THAT(broken.body, Not(HasSubstr("secret")));
  EXPECT_THAT(broken.body, HasSubstr("r-17"));
  EXPECT_EQ(broken["x-request-id"], "r-17");
}

TEST(HttpServer, MalformedRequestsGet400AndTheConnectionEnds) {
  TestServer server;
  for (const char* text :
       {"garbage\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nNoColon\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: "
        "2\r\n\r\nab",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "\x16\x03\x01\x02\x03\x04\r\n\r\n"}) {
    Client client(server.port());
    client.send(text);
    const auto reply = client.read_reply();
    EXPECT_EQ(reply.status, 400) << text;
    EXPECT_THAT(reply.body, HasSubstr(R"("type":"invalid_request_error")")) << text;
    EXPECT_TRUE(client.is_closed_within(std::chrono::seconds(3))) << text;
  }
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
}

TEST(HttpServer, UnsupportedCodingsAreNamed) {
  TestServer server;
  EXPECT_EQ(server.ask("POST", "/echo", "x", "Content-Encoding: gzip\r\n").status, 415);
  EXPECT_EQ(server.ask("POST", "/echo", "x", "Content-Encoding: identity\r\n").status, 200);
  EXPECT_EQ(
      server.ask("POST", "/echo", "x", "Content-Type: Multipart/Form-Data; boundary=b\r\n").status,
      415);
  EXPECT_EQ(server.ask("POST", "/echo", "x", "Content-Type: text/plain\r\n").status, 200);
  Client client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 501);
}

TEST(HttpServer, Limits) {
  TestServer server([](ServerSettings& settings) { settings.max_body_bytes = 1000; });
  EXPECT_EQ(server.ask("POST", "/echo", std::string(1000, 'x')).status, 200);
  EXPECT_EQ(server.ask("POST", "/echo", std::string(1001, 'x')).status, 413);
  // Refused by its length, before the body comes.
  Client early(server.port());
  early.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_EQ(early.read_reply().status, 413);
  Client chunked(server.port());
  chunked.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) chunked.send("190\r\n" + std::string(400, 'x') + "\r\n");
  EXPECT_EQ(chunked.read_reply().status, 413);
  Client head(server.port());
  head.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Big: " + std::string(70000, 'a'));
  EXPECT_EQ(head.read_reply().status, 431);
  Client many(server.port());  // none of them is large
  many.send("GET /health HTTP/1.1\r\nHost: localhost\r\n");
  for (int i = 0; i < 20; ++i) {
    std::string some;
    for (int k = 0; k < 500; ++k) some += "X-A: b\r\n";
    many.send(some);
  }
  EXPECT_EQ(many.read_reply().status, 431);
  Client line(server.port());
  line.send("GET /" + std::string(70000, 'a'));
  EXPECT_EQ(line.read_reply().status, 431);
  // A client that goes on sending still gets to read why it was refused.
  Client stubborn(server.port());
  stubborn.request("POST", "/echo", std::string(500000, 'x'));
  EXPECT_EQ(stubborn.read_reply().status, 413);
}

/// What the handler takes the client of a request with these headers for.
std::string client_of(const std::function<void(ServerSettings&)>& change,
                      const std::string& headers) {
  const Route who{
      .method = "GET", .path = "/who", .handler = [](Exchange& exchange) -> Task<Response> {
        co_return json_response(200, exchange.request().client);
      }};
  return TestServer(change, {who}).ask("GET", "/who", {}, headers).body;
}

TEST(HttpServer, AClientIsKnownByTheHashOfItsKey) {
  const auto keyed = [](ServerSettings& settings) { settings.keys.keys = {"alpha", "beta"}; };
  const std::string alpha = client_of(keyed, "Authorization: Bearer alpha\r\n");
  EXPECT_EQ(alpha.size(), 64u);
  EXPECT_EQ(client_of(keyed, "X-Api-Key: alpha\r\nX-Llama-Client: x\r\n"), alpha);
  EXPECT_NE(client_of(keyed, "X-Api-Key: beta\r\n"), alpha);
  EXPECT_EQ(client_of({}, "X-Api-Key: alpha\r\nX-Llama-Client: x\r\n"), "");
  const auto behind_router = [](ServerSettings& settings) {
    settings.keys.keys = {"of-router"};
    settings.is_behind_router = true;
  };
  EXPECT_EQ(client_of(behind_router, "X-Api-Key: of-router\r\nX-Llama-Client: x\r\n"), "x");
}

TEST(HttpServer, KeysInTheOrderOfTheReference) {
  TestServer server([](ServerSettings& settings) { settings.keys.keys = {"alpha", "beta"}; });
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  EXPECT_EQ(server.ask("POST", "/health").status, 405);
  EXPECT_EQ(server.ask("GET", "/").status, 200);
  const auto refused = server.ask("POST", "/echo", "x");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body,
            R"({"error":{"message":"Invalid API Key","type":"authentication_error","code":401}})");
  EXPECT_EQ(server.ask("POST", "/none", "{}").status, 401);
  EXPECT_EQ(server.ask("POST", "/echo", "x", "Authorization: Bearer beta\r\n").status, 200);
  EXPECT_EQ(server.ask("POST", "/echo", "x", "x-api-key: alpha\r\n").status, 200);
  EXPECT_EQ(server.ask("POST", "/none", "x", "x-api-key: alpha\r\n").status, 404);
}

TEST(HttpServer, WhileLoading) {
  TestServer server([](ServerSettings& settings) { settings.keys.keys = {"k"}; });
  server->set_ready(false);
  for (const char* path : {"/health", "/none", "/echo"}) {
    const auto reply = server.ask("GET", path);
    EXPECT_EQ(reply.status, 503) << path;
    EXPECT_EQ(reply.body,
              R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})");
  }
  EXPECT_EQ(server.ask("OPTIONS", "/health").status, 200);
  EXPECT_EQ(server.ask("GET", "/").status, 200);
  server->set_ready(true);
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
}

TEST(HttpServer, ApiPrefix) {
  TestServer server([](ServerSettings& settings) {
    settings.api_prefix = "/llm";
    settings.keys.keys = {"k"};
  });
  EXPECT_EQ(server.ask("GET", "/llm/health").status, 200);
  const auto moved = server.ask("GET", "/llm");  // relative addresses of a page need the slash
  EXPECT_EQ(moved.status, 308);
  EXPECT_EQ(moved["location"], "/llm/");
  EXPECT_EQ(server.ask("GET", "/llm/").status, 200);
  EXPECT_EQ(server.ask("GET", "/health").status, 404);
  EXPECT_EQ(server.ask("GET", "/llmhealth").status, 404);
  EXPECT_EQ(server.ask("POST", "/llm/echo", "x").status, 401);
  EXPECT_EQ(server.ask("POST", "/llm/echo", "x", "Authorization: Bearer k\r\n").body,
            "POST /echo\nx");
}

TEST(HttpServer, ForeignHostsAndPagesAreRefusedWithTheRemedy) {
  TestServer server;
  const auto host = server.ask("GET", "/health", "", "Host: evil.example:8080\r\n");
  EXPECT_EQ(host.status, 403);
  EXPECT_THAT(host.body, HasSubstr("--allowed-hosts evil.example"));
  EXPECT_EQ(server.ask("OPTIONS", "/echo", "", "Host: evil.example\r\n").status, 403);
  const auto page = server.ask("POST", "/echo", "x", "Origin: http://evil.example\r\n");
  EXPECT_EQ(page.status, 403);
  EXPECT_THAT(page.body, HasSubstr("--cors-origins http://evil.example"));
  const auto read = server.ask("GET", "/health", "", "Origin: http://evil.example\r\n");
  EXPECT_EQ(read.status, 200);
  EXPECT_FALSE(read.has("access-control-allow-origin"));
  const auto local = server.ask("POST", "/echo", "x", "Origin: http://localhost:5173\r\n");
  EXPECT_EQ(local.status, 200);
  EXPECT_EQ(local["access-control-allow-origin"], "http://localhost:5173");
}

TEST(HttpServer, AllowedHostsOpen) {
  TestServer server([](ServerSettings& settings) { settings.allowed_hosts = {"llm.example"}; });
  EXPECT_EQ(server.ask("GET", "/health", "", "Host: llm.example:8080\r\n").status, 200);
  EXPECT_EQ(server.ask("GET", "/health", "", "Host: evil.example\r\n").status, 403);
}

TEST(HttpServer, TellsOfEveryRequestWithItsRouteStatusAndNotes) {
  std::mutex mutex;
  std::vector<std::string> told;
  const Handler noting = [](Exchange& exchange) -> Task<Response> {
    exchange.notes.fields.push_back({"tokens", std::int64_t{3}});
    co_return Response{200, {}, "done"};
  };
  TestServer server(
      [&](ServerSettings& settings) {
        settings.keys.keys = {"secret"};
        settings.observer = [&](const Answered& answered) {
          const std::lock_guard lock(mutex);
          told.push_back(fmt::format("{} {} {} {} {} {}", answered.request.method,
                                     answered.route ? answered.route->path : "none",
                                     answered.status, answered.bytes, answered.notes.fields.size(),
                                     answered.request.id));
          EXPECT_GE(answered.seconds, 0);
        };
      },
      {{.method = "GET", .path = "/noting/{what}", .handler = noting, .is_public = true}});
  server.ask("GET", "/noting/x", "", "X-Request-Id: one\r\n");
  server.ask("GET", "/events", "", "X-Request-Id: two\r\n");  // without the key
  server.ask("GET", "/events", "", "X-Request-Id: three\r\nAuthorization: Bearer secret\r\n");
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return told.size();
  };
  ASSERT_TRUE(eventually([&] { return count() == 3; }));
  EXPECT_EQ(told[0], "GET /noting/{what} 200 4 1 one");
  EXPECT_TRUE(told[1].starts_with("GET /events 401 ") && told[1].ends_with(" 0 two")) << told[1];
  EXPECT_EQ(told[2], "GET /events 200 27 0 three");
}

TEST(HttpServer, APortThatIsTakenIsNamedWithTheRemedy) {
  TestServer server;
  ServerSettings settings;
  settings.port = server.port();
  try {
    Server second(settings, {});
    FAIL() << "two servers on one port";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("cannot listen on 127.0.0.1:" + std::to_string(server.port())));
    EXPECT_THAT(error.what(), HasSubstr("choose another --port"));
  }
  settings.host = "no.such.host.invalid";
  EXPECT_THROW(Server(settings, {}), Error);
}

TEST(HttpServer, ReusePortLetsTwoListen) {
  TestServer first([](ServerSettings& settings) { settings.reuse_port = true; });
  ServerSettings settings;
  settings.port = first.port();
  settings.reuse_port = true;
  EXPECT_NO_THROW(Server(settings, {}));
}

TEST(HttpServer, UnixSocket) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/demo.sock";
  const auto at_path = [&](ServerSettings& settings) { settings.host = path; };
  {
    TestServer server(at_path);
    EXPECT_EQ(Client(path).ask("GET", "/health").body, R"({"status":"ok"})");
    EXPECT_EQ(Client(path).ask("GET", "/events").body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    // Whatever name a client makes up: no web page gets here.
    EXPECT_EQ(Client(path).ask("GET", "/health", "", "Host: made-up\r\n").status, 200);
    EXPECT_EQ(server->port(), 0);
    EXPECT_EQ(server->address(), path);
    EXPECT_THROW(TestServer{at_path}, Error);  // in use
  }
  EXPECT_THROW(Client{path}, std::runtime_error);  // removed at the end
  directory.write("demo.sock", "");
  EXPECT_THROW(TestServer{at_path}, Error);  // not a socket: not ours to delete
}

}  // namespace
}  // namespace llm::http
