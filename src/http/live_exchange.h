// The Exchange that handlers get: one request on one connection. Internal to the room.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "http/connection.h"

namespace llm::http {

class LiveExchange final : public Exchange {
 public:
  LiveExchange(Connection& connection, const Request& request, const Headers& cors,
               bool keeps_alive, bool is_http_1_0);

  const Request& request() const override { return request_; }
  bool client_gone() const override { return is_gone_; }
  void on_client_gone(std::function<void()> callback) override;
  Task<void> begin_stream(Headers headers, int status) override;
  Task<bool> write(std::string_view chunk) override;
  bool stream_begun() const override { return is_begun_; }
  Task<void> to_worker() override;
  void spend_tokens(std::int64_t count) override {
    Exchange::spend_tokens(count);
    if (permit_ != nullptr) permit_->spend_tokens(count);
  }
  bool counts_tokens() const override { return permit_ != nullptr && permit_->counts_tokens(); }

  // For the connection.
  /// Not owned; lives until the handler has ended. May be null.
  void set_permit(KeyPermit* permit) { permit_ = permit; }
  /// Calls the callbacks, once.
  void client_went_away();
  /// Ends a begun stream properly; false when the connection cannot be used any more.
  Task<bool> end_stream();
  int status() const { return status_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  enum class Framing { chunked, counted, until_close };

  Connection& connection_;
  const Request& request_;
  const Headers& cors_;
  const bool is_http_1_0_;
  bool keeps_alive_;
  KeyPermit* permit_ = nullptr;
  Framing framing_ = Framing::chunked;
  std::uint64_t declared_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  int status_ = 200;
  std::atomic<bool> is_begun_{false};

  std::atomic<bool> is_gone_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> callbacks_;  // guarded by mutex_
};

}  // namespace llm::http
