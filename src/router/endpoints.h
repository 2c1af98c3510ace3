// The router's own endpoints. Internal to the room.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "http/http.h"
#include "options/options.h"
#include "router/downloads.h"
#include "router/fleet.h"
#include "router/metrics.h"
#include "router/passing.h"

namespace llm::router {

class Endpoints {
 public:
  /// reload: reads directory and presets anew; Error when they are wrong.
  Endpoints(const Options& options, Fleet& fleet, Events& events, Downloads& downloads,
            const Metrics& metrics, std::function<void()> reload);

  std::vector<http::Route> own_routes();
  /// Passes a request on to the model that it names.
  http::Handler passed_on();

 private:
  http::Response health(const http::Request& request);
  http::Response list_models(const http::Request& request);
  http::Response load(const http::Request& request);
  http::Response download(const http::Request& request);
  http::Task<http::Response> remove(http::Exchange& exchange);
  http::Task<http::Response> unload(http::Exchange& exchange);
  http::Task<http::Response> events(http::Exchange& exchange);
  http::Task<http::Response> props(http::Exchange& exchange);
  http::Task<http::Response> metrics(http::Exchange& exchange);
  /// Until the model's process has ended, but not longer than `limit`.
  http::Task<void> wait_until_ended(std::string model, std::chrono::milliseconds limit);
  http::Response of_router();
  void reload();

  const Options& options_;
  Fleet& fleet_;
  Events& events_;
  Downloads& downloads_;
  const Metrics& metrics_;
  std::function<void()> reload_;
  std::mutex reload_mutex_;
  std::chrono::steady_clock::time_point reloaded_at_;  // guarded by reload_mutex_
  const std::int64_t started_at_;                      // seconds since 1970
  Passing passing_;
};

}  // namespace llm::router
