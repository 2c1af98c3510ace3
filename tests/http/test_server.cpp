#include "http/test_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/log.h"

namespace llm::http {
namespace {

using std::chrono::milliseconds;

Task<Response> health(Exchange&) {
  co_return json_response(200, R"({"status":"ok"})");
}

/// Method, path, query, params and body, one a line.
Task<Response> echo(Exchange& exchange) {
  const Request& request = exchange.request();
  std::string text = request.method + " " + request.path + "\n";
  for (const auto& [name, value] : request.query) text += "query " + name + "=" + value + "\n";
  for (const auto& [name, value] : request.params) text += "param " + name + "=" + value + "\n";
  co_return Response{200, {{"Content-Type", "text/plain"}}, text + request.body};
}

Task<Response> events(Exchange& exchange) {
  co_await exchange.begin_stream();
  for (int i = 0; i < 3; ++i) {
    const std::string event = fmt::format("data: {}\n\n", i);
    co_await exchange.write(event);
    co_await exchange.write("");  // must not end the stream
  }
  co_return Response{};
}

std::vector<Route> usual_routes(Observed& observed) {
  Handler wait = [&observed](Exchange& exchange) -> Task<Response> {
    Channel<int> channel(exchange);
    exchange.on_client_gone([&observed] { ++observed.gone; });
    const auto value = co_await channel.next();
    ++observed.finished;
    co_return Response{200, {}, value ? "value" : "none"};
  };
  Handler endless = [&observed](Exchange& exchange) -> Task<Response> {
    exchange.on_client_gone([&observed] { ++observed.gone; });
    co_await exchange.begin_stream();
    const std::string chunk = "data: " + std::string(1000, 'x') + "\n\n";
    for (;;) {
      const bool is_there = co_await exchange.write(chunk);
      if (!is_there) break;
    }
    ++observed.finished;
    co_return Response{};
  };
  Handler work = [&observed](Exchange& exchange) -> Task<Response> {
    ++observed.working;
    const auto end = std::chrono::steady_clock::now() + milliseconds(300);
    while (std::chrono::steady_clock::now() < end) continue;
    co_return Response{200, {}, exchange.request().body};
  };
  Handler boom = [](Exchange&) -> Task<Response> {
    throw std::runtime_error("secret detail");
    co_return Response{};
  };
  Handler refuse = [](Exchange&) -> Task<Response> {
    throw RequestError(422, "invalid_request_error", "top_k: \"x\" is no number\xff", "top_k");
    co_return Response{};
  };
  Handler boom_in_stream = [](Exchange& exchange) -> Task<Response> {
    co_await exchange.begin_stream();
    co_await exchange.write("data: 1\n\n");
    throw std::runtime_error("too late");
  };
  return {
      {.method = "GET", .path = "/health", .handler = health, .is_public = true, .quick = true},
      {.method = "GET", .path = "/", .handler = health, .is_public = true, .while_loading = true},
      {.method = "POST", .path = "/echo", .handler = echo},
      {.method = "GET", .path = "/echo", .handler = echo},
      {.method = "GET", .path = "/slots/{id}", .handler = echo},
      {.method = "POST", .path = "/only-post", .handler = echo},
      {.method = "GET", .path = "/events", .handler = events},
      {.method = "POST", .path = "/wait", .handler = wait},
      {.method = "GET", .path = "/endless", .handler = endless},
      {.method = "POST", .path = "/work", .handler = work},
      {.method = "GET", .path = "/boom", .handler = boom},
      {.method = "GET", .path = "/refuse", .handler = refuse},
      {.method = "GET", .path = "/boom-in-stream", .handler = boom_in_stream}};
}

}  // namespace

TestServer::TestServer(const std::function<void(ServerSettings&)>& change,
                       std::vector<Route> routes) {
  log::set_up({.verbosity = 0});
  ServerSettings settings;
  settings.port = 0;
  if (change) change(settings);
  auto all = usual_routes(observed);
  for (auto& route : routes) all.push_back(std::move(route));
  server_ = std::make_unique<Server>(std::move(settings), std::move(all));
  server_->set_ready(true);
  server_->run_in_background();
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "http_test_XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

TemporaryDirectory::~TemporaryDirectory() {
  std::filesystem::remove_all(path_);
}

void TemporaryDirectory::write(const std::string& name, const std::string& content) const {
  std::ofstream(path_ + "/" + name, std::ios::binary) << content;
}

}  // namespace llm::http
