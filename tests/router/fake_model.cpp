#include "router/fake_model.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/json.h"
#include "http/http.h"
#include "options/options.h"
#include "router/child_report.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;

http::Response echo(const http::Request& request) {
  Json headers = Json::object();
  for (const auto& [name, value] : request.headers) headers[name] = value;
  Json json = {{"method", request.method},
               {"path", request.path},
               {"query", request.query},
               {"headers", std::move(headers)},
               {"body", request.body}};
  auto response = http::json_response(200, json.dump());
  response.headers.emplace_back("X-Of-Model", "yes");
  return response;
}

/// One token, and as many as the body says.
http::Response spend(http::Exchange& exchange) {
  const Json body = Json::parse(exchange.request().body);
  exchange.spend_tokens(1);
  exchange.spend_tokens(body.value("tokens", 0));
  return http::json_response(200, "{}");
}

/// Events for ever, of a token each.
http::Task<http::Response> stream(http::Exchange& exchange) {
  co_await exchange.begin_stream();
  http::Signal nobody;
  for (int i = 0;; ++i) {
    exchange.spend_tokens(1);
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    if (!co_await exchange.write(event)) co_return http::Response{};
    const auto next = std::chrono::steady_clock::now() + 1ms;
    co_await nobody.wait(next);
  }
}

http::Task<http::Response> half(http::Exchange& exchange) {
  co_await exchange.begin_stream();
  co_await exchange.write("data: whole\n\n");
  co_await exchange.write("data: ha");
  http::Signal nobody;
  const auto then = std::chrono::steady_clock::now() + 50ms;
  co_await nobody.wait(then);
  std::_Exit(3);
}

http::Task<http::Response> hang(http::Exchange& exchange) {
  http::Channel<int> nothing(exchange);
  co_await nothing.next();
  std::fprintf(stderr, "the client of /hang has gone\n");
  co_return http::Response{};
}

std::vector<http::Route> routes(const Options& options) {
  const auto at_once = [](auto what) {
    return [what](http::Exchange& exchange) -> http::Task<http::Response> {
      co_return what(exchange.request());
    };
  };
  const std::string name = options.model.aliases.at(0);
  const auto list = [name](const http::Request&) {
    const Json json = {{"data", {{{"id", name}, {"meta", {{"n_ctx", 7}}}}}}};
    return http::json_response(200, json.dump());
  };
  const auto die = [](const http::Request&) -> http::Response { std::_Exit(3); };
  const auto size = [](const http::Request&) {
    return http::Response{200, {{"Content-Type", "text/plain"}}, std::string(1 << 20, 'x')};
  };
  const auto spending = [](http::Exchange& exchange) -> http::Task<http::Response> {
    co_return spend(exchange);
  };
  const auto page = [](const http::Request&) { return http::Response{200, {}, "page"}; };
  return {{.method = "GET", .path = "/metrics", .handler = at_once(echo)},
          {.method = "GET", .path = "/v1/models", .handler = at_once(list), .is_public = true},
          {.method = "GET", .path = "/", .handler = at_once(page), .while_loading = true},
          {.method = "POST", .path = "/echo", .handler = at_once(echo)},
          {.method = "GET", .path = "/echo", .handler = at_once(echo)},
          {.method = "POST", .path = "/die", .handler = at_once(die)},
          {.method = "POST", .path = "/long", .handler = at_once(size)},
          {.method = "POST", .path = "/spend", .handler = spending},
          {.method = "POST", .path = "/stream", .handler = stream},
          {.method = "POST", .path = "/half", .handler = half},
          {.method = "POST", .path = "/v1/messages", .handler = half},
          {.method = "POST", .path = "/v1/responses", .handler = half},
          {.method = "POST", .path = "/hang", .handler = hang}};
}

int play(const Options& options) {
  const ChildReport report;
  const std::string& role = options.model.path;
  std::fprintf(stderr, "playing %s\n", role.c_str());
  report.loading(0.5f);
  if (role == "slow") std::this_thread::sleep_for(300ms);
  if (role == "broken") return 1;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  http::Server server({.host = options.http.host,
                       .keys = {.keys = options.security.api_keys, .limits = {}},
                       .observer = [&](const http::Answered& one) { report.answered(one); }},
                      routes(options));
  server.set_ready(true);
  server.run_in_background();
  report.ready();
  int number = 0;
  do sigwait(&signals, &number);
  while (role == "stubborn");
  server.stop(5s);
  return 0;
}

}  // namespace

std::vector<http::Route> fake_routes() {
  Options options;
  options.model.aliases = {"none"};
  return routes(options);
}

bool plays_a_model(int argc, char** argv, int& exit_code) {
  if (std::getenv("LLAMA_SERVER_CHILD_MODE") == nullptr) return false;
  exit_code = play(options::parse(argc, argv, options::process_environment()).options);
  return true;
}

}  // namespace llm::router
