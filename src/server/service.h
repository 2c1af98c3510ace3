// The room turns HTTP requests into engine requests and engine events into replies: one file per
// wire format or group of endpoints, all listed in routes.cpp. It knows no tensors.
// Start at routes.cpp, then generation.cpp, the road that every generating request takes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "http/http.h"
#include "options/options.h"
#include "server/live_requests.h"
#include "server/responses/store.h"
#include "server/serving.h"

namespace llm::server {

/// What handlers share. Lives from before the socket listens until after it is closed; the model
/// arrives in between.
class Service {
 public:
  explicit Service(const Options& options);

  /// Routes for the HTTP server; the handlers refer to this object.
  std::vector<http::Route> routes();

  /// Once, before the HTTP server is told that it is ready.
  void set_serving(std::unique_ptr<Serving> serving) { serving_ = std::move(serving); }
  /// Requests by status since start, for /metrics.
  void set_status_counts(std::function<std::map<int, std::int64_t>()> counts) {
    status_counts_ = std::move(counts);
  }

  const Options& options() const { return options_; }
  /// Only in handlers that wait for the model (all but those marked `while_loading`).
  Serving& serving() const { return *serving_; }
  LiveRequests& live() { return live_; }
  ResponseStore& responses() { return responses_; }
  std::map<int, std::int64_t> status_counts() const {
    return status_counts_ ? status_counts_() : std::map<int, std::int64_t>{};
  }
  std::int64_t start_unix_s() const { return start_unix_s_; }
  const std::string& media_marker() const { return media_marker_; }

 private:
  Options options_;
  std::unique_ptr<Serving> serving_;
  LiveRequests live_;
  ResponseStore responses_;
  std::function<std::map<int, std::int64_t>()> status_counts_;
  std::int64_t start_unix_s_;
  std::string media_marker_;
};

}  // namespace llm::server
