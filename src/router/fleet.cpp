// What requests ask of the fleet: leases, the wait for them, loading and unloading by name.
#include "router/fleet.h"

#include <algorithm>

#include "base/log.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;

/// A waiting request looks again so often: turns end by the clock.
constexpr auto kRetry = 250ms;

/// Bounds of a histogram: from a small file in the page cache to a download.
constexpr double kLoadSeconds[] = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800};

RequestError bad_request(const std::string& message) {
  return {400, "invalid_request_error", message};
}
RequestError unavailable(const std::string& message) {
  return {503, "unavailable_error", message};
}

}  // namespace

Lease::~Lease() {
  fleet_->release(*instance_);
}

std::optional<Ending> Lease::ending() const {
  const std::lock_guard lock(fleet_->mutex_);
  return instance_->ending;
}

Fleet::Fleet(FleetSettings settings, Catalog catalog, Events& events)
    : settings_(std::move(settings)), events_(events), load_seconds_(kLoadSeconds) {
  for (auto& [name, entry] : catalog) {
    Model& model = models_[name];
    model.entry = std::move(entry);
    model.number = ++numbers_;
  }
  index_names();
}

Fleet::~Fleet() {
  close();
  stop();
}

void Fleet::set_port(int port) {
  const std::lock_guard lock(mutex_);
  settings_.environment.push_back(fmt::format("LLAMA_SERVER_ROUTER_PORT={}", port));
}

void Fleet::index_names() {
  names_.clear();
  for (const auto& [name, model] : models_)
    if (!model.is_gone) names_.emplace(name, name);
  for (const auto& [name, model] : models_)
    if (!model.is_gone)
      for (const auto& alias : model.entry.aliases) names_.emplace(alias, name);
}

void Fleet::replace(Catalog catalog) {
  const std::lock_guard lock(mutex_);
  for (auto it = models_.begin(); it != models_.end();) {
    Model& model = it->second;
    const auto entry = catalog.find(it->first);
    model.is_gone = entry == catalog.end();
    if (!model.is_gone) {
      model.entry = std::move(entry->second);
      catalog.erase(entry);
      if (model.state == State::unloaded) {
        model.is_failed = false;
        model.exit_code = 0;
      }
    } else if (model.state == State::unloaded) {
      refuse(model, bad_request(fmt::format("model '{}' not found", it->first)));
      std::erase(queue_, it->first);
      it = models_.erase(it);
      continue;
    } else if (model.instance && model.instance->users == 0) {
      begin_stop(model);
    }
    ++it;
  }
  for (auto& [name, entry] : catalog) {
    Model& model = models_[name];
    model.entry = std::move(entry);
    model.number = ++numbers_;
  }
  index_names();
}

void Fleet::preload() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, model] : models_)
      if (model.entry.load_on_startup) names.push_back(name);
  }
  for (const auto& name : names) {
    try {
      load(name);
    } catch (const RequestError& error) {
      log::error("{} is not loaded: {}", name, error.what());
    }
  }
}

Fleet::Model* Fleet::find(const std::string& name) {
  const auto own = names_.find(name);
  return own == names_.end() ? nullptr : &models_.at(own->second);
}

const Fleet::Model* Fleet::find(const std::string& name) const {
  return const_cast<Fleet*>(this)->find(name);
}

Fleet::Model& Fleet::need(const std::string& name) {
  Model* model = find(name);
  if (!model) throw bad_request(fmt::format("model '{}' not found", name));
  return *model;
}

bool Fleet::serves(const Model& model) const {
  return (model.state == State::loaded || model.state == State::sleeping) && !model.is_draining;
}

bool Fleet::is_queued(const std::string& name) const {
  return std::find(queue_.begin(), queue_.end(), name) != queue_.end();
}

void Fleet::enqueue(Model& model) {
  const bool may_start = model.state == State::unloaded || model.state == State::stopping;
  if (may_start && !is_queued(model.entry.name)) queue_.push_back(model.entry.name);
}

LeasePtr Fleet::take(Model& model) {
  ++model.instance->users;
  model.last_used = ++clock_;
  return std::make_unique<Lease>(*this, model.instance);
}

void Fleet::grant(Model& model) {
  for (const auto& waiter : std::exchange(model.waiters, {})) {
    ++model.instance->users;
    waiter->granted = model.instance;
    waiter->signal.notify();
  }
  model.last_used = ++clock_;
}

void Fleet::refuse(Model& model, const RequestError& error) {
  for (const auto& waiter : std::exchange(model.waiters, {})) {
    waiter->refused = error;
    waiter->signal.notify();
  }
}

void Fleet::leave(const std::string& name, const std::shared_ptr<Waiter>& waiter) {
  const auto found = models_.find(name);
  if (found == models_.end()) return;
  Model& model = found->second;
  std::erase(model.waiters, waiter);
  const bool nobody_waits = model.waiters.empty() && !model.is_wanted;
  if (nobody_waits && std::erase(queue_, name) > 0) pump();
}

void Fleet::release(Instance& instance) {
  const std::lock_guard lock(mutex_);
  --instance.users;
  const auto found = models_.find(instance.model);
  // A process that has ended has no place to give.
  if (found == models_.end() || found->second.instance.get() != &instance) return;
  Model& model = found->second;
  model.last_used = ++clock_;
  if (instance.users > 0) return;
  if (model.is_gone && model.state != State::stopping) begin_stop(model);
  pump();
}

void Fleet::estimate(const std::string& name) {
  if (!settings_.estimate) return;
  Options options;
  {
    const std::lock_guard lock(mutex_);
    options = need(name).entry.options;
  }
  std::uint64_t bytes = 0;
  try {
    bytes = settings_.estimate(options);
  } catch (const std::exception& error) {
    log::debug("{}: its size is not known: {}", name, error.what());  // loading will say more
  }
  const std::lock_guard lock(mutex_);
  if (Model* model = find(name); model && model->state == State::unloaded) model->bytes = bytes;
}

http::Task<LeasePtr> Fleet::acquire(http::Exchange& exchange, std::string name, bool autoload) {
  std::string own;
  {
    const std::lock_guard lock(mutex_);
    Model& model = need(name);
    if (serves(model)) co_return take(model);
    const bool is_coming =
        model.state == State::loading || model.is_draining || is_queued(model.entry.name);
    if (!autoload && !is_coming) throw bad_request("model is not loaded");
    own = model.entry.name;
  }
  co_await exchange.to_worker();
  estimate(own);
  const auto waiter = std::make_shared<Waiter>();
  // Whatever ends the wait: nothing stays behind, and what was granted is given back.
  struct Leave {
    Fleet& fleet;
    const std::string& name;
    std::shared_ptr<Waiter> waiter;
    ~Leave() {
      std::unique_lock lock(fleet.mutex_);
      fleet.leave(name, waiter);
      const auto granted = std::exchange(waiter->granted, nullptr);
      lock.unlock();
      if (granted) fleet.release(*granted);
    }
  } leave_at_end{*this, own, waiter};
  {
    const std::lock_guard lock(mutex_);
    Model& model = need(own);
    if (is_closed_) throw unavailable("the server is stopping");
    if (serves(model)) co_return take(model);
    model.waiters.push_back(waiter);
    enqueue(model);
    pump();
  }
  exchange.on_client_gone([signal = waiter->signal]() mutable { signal.notify(); });
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (waiter->refused) throw *waiter->refused;
      if (waiter->granted)
        co_return std::make_unique<Lease>(*this, std::exchange(waiter->granted, nullptr));
    }
    if (exchange.client_gone()) throw RequestError(499, "server_error", "the client has gone");
    const auto again = Clock::now() + kRetry;
    co_await waiter->signal.wait(again);
    const std::lock_guard lock(mutex_);
    pump();
  }
}

LeasePtr Fleet::acquire_running(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Model* model = find(name);
  return model && serves(*model) ? take(*model) : nullptr;
}

void Fleet::load(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    Model* model = find(name);
    if (!model) throw RequestError(404, "not_found_error", "File Not Found");
    if (model->state != State::unloaded || is_queued(model->entry.name))
      throw bad_request("model is already running");
  }
  estimate(name);
  const std::lock_guard lock(mutex_);
  Model& model = need(name);
  if (is_closed_) throw unavailable("the server is stopping");
  model.is_wanted = true;
  enqueue(model);
  pump();
  if (model.state != State::unloaded && model.state != State::stopping) return;
  if (!is_queued(model.entry.name))
    throw model.is_failed ? failed_to_load(model) : no_room(model, decide(model));
  // Behind others, or every place is taken by a model at work.
  const bool a_place_comes_free = std::any_of(models_.begin(), models_.end(), [](const auto& one) {
    return one.second.state == State::stopping;
  });
  if (a_place_comes_free) return;
  model.is_wanted = false;
  if (!model.waiters.empty()) return;
  std::erase(queue_, model.entry.name);
  throw unavailable("model limit reached, try again later");
}

void Fleet::unload(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Model* model = find(name);
  if (!model) throw bad_request("model is not found");
  const bool was_queued = std::erase(queue_, model->entry.name) > 0;
  model->is_wanted = false;
  refuse(*model, unavailable(fmt::format("model '{}' was unloaded", model->entry.name)));
  if (model->state == State::unloaded && !was_queued) throw bad_request("model is not running");
  if (model->state != State::unloaded && model->state != State::stopping) begin_stop(*model);
}

options::Settings Fleet::settings_of(const Model& model) const {
  options::Settings settings = model.entry.settings;
  settings.set("--host",
               fmt::format("{}/{}-{}.sock", settings_.socket_directory, model.number, model.runs));
  settings.set("--alias", model.entry.name);
  settings.erase("--hf-token");  // a secret: everyone may read command lines
  return settings;
}

void Fleet::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  queue_.clear();
  for (auto& [name, model] : models_) {
    model.is_wanted = false;
    refuse(model, unavailable("the server is stopping"));
    if (model.instance) model.instance->bills.close();  // nobody asks for them any more
  }
}

}  // namespace llm::router
