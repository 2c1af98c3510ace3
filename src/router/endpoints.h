// The router's own endpoints, and the road of all others to a model. Internal to the room.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

#include "http/http.h"
#include "options/options.h"
#include "router/conversations.h"
#include "router/downloads.h"
#include "router/fleet.h"

namespace llm::router {

class Endpoints {
 public:
  /// reload: reads directory and presets anew; Error when they are wrong.
  Endpoints(const Options& options, Fleet& fleet, Events& events, Downloads& downloads,
            std::function<void()> reload);

  std::vector<http::Route> own_routes();
  /// Passes a request on to the model that it names.
  http::Handler passed_on();

 private:
  using AtOnce = http::Response (Endpoints::*)(const http::Request&);
  using Waiting = http::Task<http::Response> (Endpoints::*)(http::Exchange&);

  http::Handler at_once(AtOnce what);
  http::Handler waiting(Waiting what);

  http::Response health(const http::Request& request);
  http::Response list_models(const http::Request& request);
  http::Response load(const http::Request& request);
  http::Response download(const http::Request& request);
  http::Task<http::Response> remove(http::Exchange& exchange);
  http::Task<http::Response> unload(http::Exchange& exchange);
  http::Task<http::Response> events(http::Exchange& exchange);
  http::Task<http::Response> props(http::Exchange& exchange);
  http::Task<http::Response> to_named_model(http::Exchange& exchange);
  http::Task<http::Response> to_model(http::Exchange& exchange, std::string model, bool autoload);
  http::Task<http::Response> to_running(http::Exchange& exchange, const Lease& lease);
  http::Task<http::Response> to_any_model(http::Exchange& exchange);
  http::Task<http::Response> conversation(http::Exchange& exchange);
  http::Task<http::Response> find_conversations(http::Exchange& exchange);
  /// Until the model's process has ended, but not longer than `limit`.
  http::Task<void> wait_until_ended(std::string model, std::chrono::milliseconds limit);
  http::Response of_router();
  void reload();

  const Options& options_;
  Fleet& fleet_;
  Events& events_;
  Downloads& downloads_;
  std::function<void()> reload_;
  std::mutex reload_mutex_;
  std::chrono::steady_clock::time_point reloaded_at_;  // guarded by reload_mutex_
  Conversations conversations_;
};

}  // namespace llm::router
