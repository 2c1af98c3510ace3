// The models that run, and those that wait for their turn. A request takes a Lease on a running
// model; whoever needs one that does not run waits until there is room, in order of arrival. What
// has a lease, or loads, is never unloaded to make room. Internal to the room.
//
// One mutex guards everything. Children call from their own threads, requests from HTTP's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/histogram.h"
#include "base/json.h"
#include "http/http.h"
#include "router/bills.h"
#include "router/catalog.h"
#include "router/child.h"
#include "router/events.h"
#include "router/ledger.h"

namespace llm::router {

class Fleet;

enum class State { unloaded, loading, loaded, sleeping, stopping };

/// One run of a model's process, as its requests see it.
struct Instance {
  std::string model, socket, key;
  int users = 0;                 // leases; guarded by the fleet's mutex
  std::optional<Ending> ending;  // the same
  Bills bills;
};

/// Keeps a model loaded while it lives. The fleet outlives it.
class Lease {
 public:
  Lease(Fleet& fleet, std::shared_ptr<Instance> instance)
      : fleet_(&fleet), instance_(std::move(instance)) {}
  ~Lease();
  Lease(const Lease&) = delete;
  const std::string& model() const { return instance_->model; }
  const std::string& socket() const { return instance_->socket; }
  const std::string& key() const { return instance_->key; }
  Bills& bills() const { return instance_->bills; }
  /// How the process ended, if it did.
  std::optional<Ending> ending() const;

 private:
  Fleet* fleet_;
  std::shared_ptr<Instance> instance_;
};
using LeasePtr = std::unique_ptr<Lease>;

struct FleetSettings {
  Limits limits;
  /// Bytes that a model will take; Error when its file cannot be read. May be empty: nothing.
  std::function<std::uint64_t(const Options&)> estimate;
  std::string socket_directory;          // nobody else may enter it
  std::vector<std::string> environment;  // of the children
  /// A busy model keeps its place at least so long when others wait.
  std::chrono::milliseconds turn{5000};
};

/// What is told about a model.
struct ModelView {
  const CatalogEntry* entry;
  std::vector<std::string> arguments;  // of its process
  State state;
  bool is_failed;  // it ended without being told to
  int exit_code;
  std::vector<std::string> last_lines;  // of its log, when it failed
  Json info;                            // its own entry of /v1/models; null before it was loaded
};

/// What happened to a model since the start.
struct ModelCounts {
  std::int64_t loads = 0;          // it answered for the first time after a start of its process
  std::int64_t load_failures = 0;  // its process ended by itself before that
  std::int64_t crashes = 0;        // the same, later
  std::int64_t restarts = 0;       // starts after one that ended by itself
  std::int64_t evictions = 0;      // unloaded to make room
};

/// The fleet at one moment, for its operator.
struct FleetReport {
  struct Model {
    std::string name;
    State state;
    ModelCounts counts;
    std::uint64_t bytes;   // that the ledger counts for it
    int running, waiting;  // requests
  };
  std::vector<Model> models;
  int waiting_loads;
  Limits limits;
  HistogramValues load_seconds;
};

class Fleet {
 public:
  Fleet(FleetSettings settings, Catalog catalog, Events& events);
  ~Fleet();

  /// The port that the router listens on, for the children's environment. Before anything starts.
  void set_port(int port);
  /// Other models, from now on. What runs goes on; what is gone ends when nobody uses it.
  void replace(Catalog catalog);
  /// Starts the models that want to be there from the beginning.
  void preload();

  /// `name` or alias. Waits until the model runs. RequestError: unknown, not loaded (without
  /// `autoload`), failed to load, too large, or the client has gone.
  http::Task<LeasePtr> acquire(http::Exchange& exchange, std::string name, bool autoload);
  /// Null when the model does not run.
  LeasePtr acquire_running(const std::string& name);
  /// Names of the models that answer now.
  std::vector<std::string> running() const;

  /// Begins to load (or waits for a place that comes free). RequestError as in the API.
  void load(const std::string& name);
  /// Begins to stop: requests under way get the model's stop-timeout.
  void unload(const std::string& name);
  /// Its process is there.
  bool is_running(const std::string& name) const;
  bool has(const std::string& name) const { return !own_name(name).empty(); }
  /// The model's own name for `name` or alias; empty when there is none.
  std::string own_name(const std::string& name) const;

  /// Calls `visit` for every model, by name.
  void for_each(const std::function<void(const ModelView&)>& visit) const;
  FleetReport report() const;

  /// Nothing is started any more, and who waits is refused.
  void close();
  /// Stops all processes, each within its stop-timeout, and waits for them.
  void stop();

 private:
  friend class Lease;
  using Clock = std::chrono::steady_clock;

  struct Waiter {
    http::Signal signal;
    std::shared_ptr<Instance> granted;  // counted as a user already
    std::optional<RequestError> refused;
  };
  struct Model {
    CatalogEntry entry;
    int number = 0, runs = 0;  // make the name of its socket
    State state = State::unloaded;
    bool is_failed = false;
    int exit_code = 0;
    std::vector<std::string> last_lines;
    Json info;
    float progress = 0;
    std::uint64_t bytes = 0;  // estimated
    std::uint64_t last_used = 0;
    Clock::time_point started_at, loaded_at;
    ModelCounts counts;
    bool is_draining = false;  // gets no new requests: others wait for its place
    bool is_wanted = false;    // /models/load asked for it
    bool is_gone = false;      // from the catalog
    std::shared_ptr<Instance> instance;
    std::unique_ptr<Child> child;
    std::deque<std::shared_ptr<Waiter>> waiters;
  };

  // All of these with the mutex held.
  Model* find(const std::string& name);
  const Model* find(const std::string& name) const;
  Model& need(const std::string& name);
  void index_names();
  bool serves(const Model& model) const;
  bool is_queued(const std::string& name) const;
  void enqueue(Model& model);
  LeasePtr take(Model& model);
  void grant(Model& model);
  void refuse(Model& model, const RequestError& error);
  void leave(const std::string& name, const std::shared_ptr<Waiter>& waiter);
  options::Settings settings_of(const Model& model) const;
  /// Starts who is next, as far as there is room, and makes room.
  void pump();
  std::uint64_t ledger_bytes(const Model& model) const;
  Decision decide(const Model& model) const;
  RequestError no_room(const Model& model, const Decision& decision) const;
  RequestError failed_to_load(const Model& model) const;
  void drain_one();
  void settle_drained();
  void bury();
  void start(Model& model);
  void begin_stop(Model& model);

  // From the children's threads.
  void reported(const std::string& name, const std::shared_ptr<Instance>& instance,
                const std::string& line);
  void became_ready(const std::string& name, const std::shared_ptr<Instance>& instance);
  void made_progress(Model& model, float done);
  void ended(const std::string& name, const std::shared_ptr<Instance>& instance, Ending ending);

  /// Reads what loading `name` will take, without the mutex.
  void estimate(const std::string& name);
  void release(Instance& instance);

  FleetSettings settings_;
  Events& events_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // a process ended
  std::map<std::string, Model> models_;
  std::map<std::string, std::string> names_;   // of each name and alias, the model's
  std::deque<std::string> queue_;              // to be loaded
  std::vector<std::unique_ptr<Child>> ended_;  // threads to be joined
  Histogram load_seconds_;
  std::uint64_t clock_ = 0;
  int numbers_ = 0;
  bool is_closed_ = false;
};

}  // namespace llm::router
