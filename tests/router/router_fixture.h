// A router on a unix socket, with played models (fake_model.h) behind it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/json.h"
#include "http/client_call.h"
#include "router/fake_model.h"
#include "router/router.h"
#include "router/temporary_folder.h"

namespace llm::router {

using namespace std::chrono_literals;

constexpr auto kSilence = 20s;

/// A request whose answer is read bit by bit on a thread of its own.
class Stream {
 public:
  Stream(std::string socket, std::string path, std::string body, http::Headers headers = {}) {
    thread_ = std::thread([this, socket = std::move(socket), path = std::move(path),
                           body = std::move(body), headers = std::move(headers)] {
      run(socket, {.method = "POST", .target = path, .headers = headers, .body = body});
    });
  }
  ~Stream() {
    call_->cancel();
    thread_.join();
  }
  void leave() { call_->cancel(); }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool has_ended() const { return has_ended_; }
  bool is_complete() const { return is_complete_; }

 private:
  void run(const std::string& socket, const http::ClientRequest& request) {
    const auto read = [&]() -> http::Task<void> {
      co_await call_->send(socket, request);
      for (;;) {
        const auto piece = co_await call_->read();
        if (piece.empty()) break;
        const std::lock_guard lock(mutex_);
        text_ += piece;
      }
      is_complete_ = true;
    };
    boost::asio::co_spawn(io_, read, [](std::exception_ptr) {});
    io_.run();
    has_ended_ = true;
  }

  boost::asio::io_context io_;
  std::shared_ptr<http::ClientCall> call_ = std::make_shared<http::ClientCall>(kSilence);
  std::mutex mutex_;
  std::string text_;
  std::atomic<bool> has_ended_{false}, is_complete_{false};
  std::thread thread_;
};

inline bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 10s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

class RouterTest : public testing::Test {
 protected:
  /// Models a, b, c are good; others as the presets say.
  void start(RouterOptions router, const std::string& presets = "",
             std::function<std::uint64_t(const Options&)> estimate = nullptr) {
    router.preset = folder_.write("presets.ini",
                                  "[a]\nmodel = good\nalias = first\n[b]\nmodel = good\n"
                                  "[c]\nmodel = good\n" +
                                      presets);
    RouterSettings settings;
    settings.options = options_;
    settings.options.router = router;
    settings.estimate = std::move(estimate);
    settings.store = store_;
    router_ = std::make_unique<Router>(std::move(settings));
    door_ = folder_ / "door.sock";
    http::ServerSettings door{.host = door_, .threads = 4, .keys = keys_};
    door.observer = [this](const http::Answered& one) { router_->answered(one); };
    server_ = std::make_unique<http::Server>(std::move(door), router_->routes(fake_routes()));
    server_->set_ready(true);
    server_->run_in_background();
    router_->start(0);
  }
  void TearDown() override { stop(); }
  void stop() {
    if (!router_) return;
    router_->close();
    server_->stop(5s);
    router_->stop();
    server_.reset();
    router_.reset();
  }

  http::Response get(const std::string& target) {
    return http::fetch(door_, {.target = target}, kSilence);
  }
  http::Response post(const std::string& target, const std::string& body,
                      http::Headers headers = {}) {
    return http::fetch(
        door_, {.method = "POST", .target = target, .headers = std::move(headers), .body = body},
        kSilence);
  }
  http::Response echo(const std::string& model) {
    return post("/echo", R"({"model":")" + model + R"("})");
  }
  static std::string message_of(const http::Response& response) {
    return Json::parse(response.body).at("error").at("message");
  }
  Json status(const std::string& model) {
    const Json body = Json::parse(get("/models").body);
    for (const auto& one : body.at("data"))
      if (one.at("id") == model) return one.at("status");
    return nullptr;
  }
  std::string state(const std::string& model) { return status(model).at("value"); }
  std::unique_ptr<Stream> stream(const std::string& path, const std::string& model) {
    auto out = std::make_unique<Stream>(door_, path, R"({"model":")" + model + R"("})");
    return out;
  }
  /// A stream whose first event has come.
  std::unique_ptr<Stream> running_stream(const std::string& model) {
    auto out = stream("/stream", model);
    EXPECT_TRUE(until([&] { return !out->text().empty(); }));
    return out;
  }

  Options options_;    // besides those of the router; before start()
  http::KeySet keys_;  // of the door; the same
  ModelStore store_;   // the same
  TemporaryFolder folder_;
  std::string door_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace llm::router
