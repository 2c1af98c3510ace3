// The room turns HTTP requests into engine requests and engine events into replies: one file per
// wire format or group of endpoints, all listed in routes.cpp. It knows no tensors.
// Start at routes.cpp, then generation.cpp, the road that every generating request takes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "http/http.h"
#include "options/options.h"
#include "server/live_requests.h"
#include "server/observe/observer.h"
#include "server/residence.h"
#include "server/responses/store.h"
#include "server/serving.h"
#include "server/streams/store.h"

namespace llm::server {

/// What is shown of a model that is not in memory.
struct Asleep {
  Json props, models;  // bodies of /props and /models
  EngineStats stats;
  AdapterRecords adapters;
};

/// What handlers share. Lives from before the socket listens until after it is closed; the model
/// arrives in between.
class Service {
 public:
  explicit Service(const Options& options);

  /// Routes for the HTTP server; the handlers refer to this object.
  std::vector<http::Route> routes();

  /// What /openapi.json says instead of describing these routes. Before requests come.
  void set_description(std::string text) { description_ = std::move(text); }
  const std::string& description() const { return description_; }

  /// How the model comes back after a sleep, and who is told (on the thread that does it).
  struct Sleep {
    std::function<std::shared_ptr<Serving>()> load;  // empty: it never sleeps
    std::function<void()> fell_asleep, woke_up;      // may be empty
  };
  /// Once, before the HTTP server is told that it is ready.
  void set_serving(std::shared_ptr<Serving> serving, Sleep sleep = {});
  /// Loading stops, who waits for the model is refused; what runs goes on, but for recorded streams
  /// that nobody reads.
  void stop() {
    streams_.stop();
    residence_.stop();
  }

  const Options& options() const { return options_; }
  /// Only in handlers that use the model or have looked whether it is there; see Needs in
  /// route_rows.h.
  Serving& serving() const { return residence_.serving(); }
  Residence& residence() { return residence_; }
  Observer& observer() { return observer_; }
  /// The model as it was when it left memory.
  Asleep asleep() const;
  /// Of the engine, and of those before it.
  EngineStats stats();
  /// POST /props: all of `wanted` or, with a RequestError, nothing. Returns the changed settings.
  Json change(const Json& wanted);
  LiveRequests& live() { return live_; }
  ResponseStore& responses() { return responses_; }
  StreamStore& streams() { return streams_; }
  std::int64_t start_unix_s() const { return start_unix_s_; }
  const std::string& media_marker() const { return media_marker_; }

 private:
  std::shared_ptr<Serving> load_again();
  void before_sleep(const Serving& serving);

  Options options_;
  LiveRequests live_;
  ResponseStore responses_;
  StreamStore streams_;
  Observer observer_;
  Sleep sleep_;
  std::mutex change_mutex_;  // one change after another, none while the model is loaded
  RuntimeChanges changes_;   // guarded by change_mutex_
  mutable std::mutex mutex_;
  Asleep asleep_;     // guarded by mutex_
  EngineStats past_;  // guarded by mutex_: of engines that have ended
  std::int64_t start_unix_s_;
  std::string media_marker_, description_;
  Residence residence_;  // last: its thread uses the others
};

}  // namespace llm::server
