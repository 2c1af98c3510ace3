// A request that does not come from a connection, for handlers: of --replay, and the instances of a
// Vertex AI request.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "http/http.h"

namespace llm::server {

/// Takes a Response; of a stream only the status is kept.
class LocalExchange final : public http::Exchange {
 public:
  /// `around`: the exchange that this one is a part of: its client is the client of both, and it
  /// outlives the handler. Null: nobody waits, nobody leaves.
  explicit LocalExchange(http::Request request, http::Exchange* around = nullptr)
      : request_(std::move(request)), around_(around) {}

  const http::Request& request() const override { return request_; }
  bool client_gone() const override { return around_ != nullptr && around_->client_gone(); }
  void on_client_gone(std::function<void()> callback) override {
    if (around_ != nullptr) around_->on_client_gone(std::move(callback));
  }
  http::Task<void> begin_stream(http::Headers, int status) override {
    status_ = status;
    has_begun_ = true;
    co_return;
  }
  http::Task<bool> write(std::string_view) override { co_return !client_gone(); }
  bool stream_begun() const override { return has_begun_; }
  http::Task<void> to_worker() override {
    if (around_ != nullptr) co_await around_->to_worker();
  }
  // What it spends is only noted, for the one around to spend: that may be gone by then.

  int status() const { return status_; }

 private:
  http::Request request_;
  http::Exchange* around_;
  bool has_begun_ = false;
  int status_ = 200;
};

}  // namespace llm::server
