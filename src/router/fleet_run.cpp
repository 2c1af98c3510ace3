// How the fleet runs its processes: who is next, who makes room, what they report.
#include <algorithm>
#include <charconv>
#include <random>

#include "base/log.h"
#include "http/client_call.h"
#include "router/fleet.h"

namespace llm::router {
namespace {

using namespace std::chrono_literals;

constexpr auto kInfoTimeout = 10s;  // a child that is ready tells about its model within
constexpr float kProgressStep = 0.05f;

double mib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

/// 256 bits that nobody guesses.
std::string random_key() {
  std::random_device source;
  std::string out;
  for (int i = 0; i < 8; ++i) out += fmt::format("{:08x}", source());
  return out;
}

Json progress_data(float done) {
  return {{"status", "loading"},
          {"progress",
           {{"stages", Json::array({"text_model"})}, {"current", "text_model"}, {"value", done}}}};
}

/// The model's entry in the child's own list. Null when it does not tell.
Json ask_for_info(const Instance& instance) {
  try {
    const http::ClientRequest request{.target = "/v1/models",
                                      .headers = {{"Authorization", "Bearer " + instance.key}}};
    const auto answer = http::fetch(instance.socket, request, kInfoTimeout);
    const Json body = Json::parse(answer.body, nullptr, false);
    if (answer.status == 200 && body.is_object() && body.contains("data") &&
        body["data"].is_array() && !body["data"].empty())
      return body["data"][0];
    log::warn("{}: its list of models is not understood", instance.model);
  } catch (const http::PeerError& error) {
    log::warn("{}: it does not tell about its model: {}", instance.model, error.what());
  }
  return nullptr;
}

}  // namespace

std::uint64_t Fleet::ledger_bytes(const Model& model) const {
  if (model.state == State::unloaded) return 0;
  const auto resident = resident_bytes(model.child ? model.child->pid() : 0);
  // A cache fills and files are read bit by bit, so the estimate counts, too.
  return model.state == State::sleeping ? resident : std::max(model.bytes, resident);
}

Decision Fleet::decide(const Model& model) const {
  std::vector<Running> running;
  for (const auto& [name, one] : models_) {
    if (one.state == State::unloaded) continue;
    const bool answers = one.state == State::loaded || one.state == State::sleeping;
    running.push_back({.name = name,
                       .bytes = ledger_bytes(one),
                       .last_used = one.last_used,
                       .is_idle = answers && one.instance->users == 0,
                       .is_pinned = one.entry.is_pinned,
                       .is_ending = one.state == State::stopping});
  }
  return make_room(running, model.bytes, settings_.limits);
}

RequestError Fleet::no_room(const Model& model, const Decision& decision) const {
  if (!decision.bytes_left)
    return {503, "unavailable_error", "model limit reached, try again later"};
  return {503, "unavailable_error",
          fmt::format("model '{}' needs about {:.1f} MiB, but --models-memory leaves {:.1f} MiB",
                      model.entry.name, mib(model.bytes), mib(*decision.bytes_left))};
}

RequestError Fleet::failed_to_load(const Model& model) const {
  return {500, "server_error", fmt::format("model name={} failed to load", model.entry.name)};
}

void Fleet::pump() {
  while (!queue_.empty() && !is_closed_) {
    Model& model = models_.at(queue_.front());
    if (model.state == State::stopping) break;  // it starts again when it has ended
    if (model.state != State::unloaded) {
      queue_.pop_front();
      continue;
    }
    const Decision decision = decide(model);
    if (decision.kind == Decision::Kind::unload) {
      Model& victim = models_.at(decision.victim);
      log::info("{} makes room for {}", decision.victim, model.entry.name);
      ++victim.counts.evictions;
      begin_stop(victim);
      continue;
    }
    if (decision.kind == Decision::Kind::wait) {
      drain_one();
      break;
    }
    queue_.pop_front();
    if (decision.kind == Decision::Kind::start) {
      start(model);
    } else {
      const RequestError error = no_room(model, decision);
      log::warn("{} is not loaded: {}", model.entry.name, error.what());
      model.is_wanted = false;
      refuse(model, error);
    }
  }
  if (queue_.empty()) settle_drained();
}

/// When everyone is busy all the time, those who wait would wait for ever: the one that has been
/// there longest gets no new requests, and goes when it has answered.
void Fleet::drain_one() {
  Model* oldest = nullptr;
  for (auto& [name, model] : models_) {
    if (model.state == State::stopping || model.is_draining) return;  // a place comes free
    const bool may_go = serves(model) && !model.entry.is_pinned && model.instance->users > 0 &&
                        Clock::now() - model.loaded_at >= settings_.turn;
    if (may_go && (!oldest || model.loaded_at < oldest->loaded_at)) oldest = &model;
  }
  if (!oldest) return;
  log::info("{} is to make room: it gets no new requests", oldest->entry.name);
  oldest->is_draining = true;
}

/// Nobody waits any more for the places of models that were to go.
void Fleet::settle_drained() {
  for (auto& [name, model] : models_) {
    if (!model.is_draining || model.state == State::stopping) continue;
    model.is_draining = false;
    if (serves(model)) grant(model);
  }
}

/// A child whose end is being handled here and now cannot wait for its own thread.
void Fleet::bury() {
  std::erase_if(ended_, [](const auto& child) { return !child->is_this_thread(); });
}

void Fleet::start(Model& model) {
  bury();
  const std::string& name = model.entry.name;
  ++model.runs;
  const auto settings = settings_of(model);
  const auto instance = std::make_shared<Instance>();
  instance->model = name;
  instance->socket = settings.value("--host");
  instance->key = random_key();
  ChildSettings child{
      .name = name, .arguments = settings.arguments(), .environment = settings_.environment};
  child.arguments.insert(child.arguments.begin(), "llama-server");
  child.environment.push_back("LLAMA_API_KEY=" + instance->key);
  if (const auto token = model.entry.settings.value("--hf-token"); !token.empty()) {
    std::erase_if(child.environment,
                  [](const auto& variable) { return variable.starts_with("HF_TOKEN="); });
    child.environment.push_back("HF_TOKEN=" + token);
  }
  child.environment.push_back(fmt::format("LLAMA_SERVER_CHILD_MODE={}", Child::kReportFd));
  log::info("{} is being loaded; it needs about {:.1f} MiB", name, mib(model.bytes));
  model.state = State::loading;
  model.started_at = Clock::now();
  model.counts.restarts += model.is_failed;
  model.is_failed = model.is_draining = model.is_wanted = false;
  model.exit_code = 0;
  model.last_lines.clear();
  model.progress = 0;
  model.info = nullptr;
  model.instance = instance;
  model.last_used = ++clock_;
  events_.publish(name, "model_status", {{"status", "loading"}});
  events_.publish(name, "status_change", progress_data(0));
  const ChildListener listener{
      .reported = [this, name,
                   instance](const std::string& line) { reported(name, instance, line); },
      .ended = [this, name, instance](Ending ending) { ended(name, instance, std::move(ending)); }};
  try {
    model.child = std::make_unique<Child>(std::move(child), listener);
  } catch (const std::exception& error) {
    log::error("{}: {}", name, error.what());
    model.state = State::unloaded;
    model.is_failed = true;
    ++model.counts.load_failures;
    model.instance = nullptr;
    refuse(model, failed_to_load(model));
  }
}

void Fleet::begin_stop(Model& model) {
  model.state = State::stopping;
  model.child->stop(std::chrono::seconds(model.entry.stop_timeout_s));
}

void Fleet::made_progress(Model& model, float done) {
  if (done < 1 && done < model.progress + kProgressStep) return;
  if (done <= model.progress) return;
  model.progress = done;
  events_.publish(model.entry.name, "status_change", progress_data(done));
}

void Fleet::reported(const std::string& name, const std::shared_ptr<Instance>& instance,
                     const std::string& line) {
  const auto blank = line.find(' ');
  const std::string status = line.substr(0, blank);
  if (status == "ready") return became_ready(name, instance);
  if (status == "answered" && blank != line.npos)
    return instance->bills.settle(std::string_view(line).substr(blank + 1));
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(name);
  if (found == models_.end() || found->second.instance != instance) return;
  Model& model = found->second;
  if (status == "loading" && blank != line.npos && model.state == State::loading) {
    float done = 0;
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), done);
    made_progress(model, std::clamp(done, 0.0f, 1.0f));
  } else if (status == "sleeping" && model.state == State::loaded) {
    model.state = State::sleeping;
    events_.publish(name, "status_change", {{"status", "sleeping"}});
  }
}

void Fleet::became_ready(const std::string& name, const std::shared_ptr<Instance>& instance) {
  const Json info = ask_for_info(*instance);
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(name);
  if (found == models_.end() || found->second.instance != instance) return;
  Model& model = found->second;
  if (model.state != State::loading && model.state != State::sleeping) return;
  if (model.state == State::loading) {
    made_progress(model, 1);
    model.loaded_at = Clock::now();
    ++model.counts.loads;
    load_seconds_.observe(
        std::chrono::duration<double>(model.loaded_at - model.started_at).count());
  }
  model.state = State::loaded;
  model.info = info;
  events_.publish(name, "status_change", {{"status", "loaded"}, {"info", info}});
  grant(model);
  pump();
}

void Fleet::ended(const std::string& name, const std::shared_ptr<Instance>& instance,
                  Ending ending) {
  instance->bills.close();
  const std::lock_guard lock(mutex_);
  instance->ending = ending;
  Model& model = models_.at(name);
  ended_.push_back(std::move(model.child));
  const bool was_loading = model.state == State::loading;
  model.state = State::unloaded;
  model.instance = nullptr;
  model.info = nullptr;
  model.is_draining = false;
  model.is_failed = !ending.was_asked;
  model.exit_code = ending.exit_code;
  if (model.is_failed) {
    ++(was_loading ? model.counts.load_failures : model.counts.crashes);
    model.last_lines = std::move(ending.last_lines);
    log::error("{} ended by itself: {}", name, ending.text);
  } else {
    log::info("{} is unloaded", name);
  }
  events_.publish(name, "status_change", {{"status", "unloaded"}, {"exit_code", ending.exit_code}});
  if (was_loading && model.is_failed) refuse(model, failed_to_load(model));
  if (model.is_gone) {
    refuse(model, {400, "invalid_request_error", fmt::format("model '{}' not found", name)});
    std::erase(queue_, name);
    models_.erase(name);
  } else if (!model.waiters.empty()) {
    enqueue(model);
  }
  changed_.notify_all();
  pump();
}

void Fleet::stop() {
  std::unique_lock lock(mutex_);
  for (auto& [name, model] : models_)
    if (model.child && model.state != State::stopping) begin_stop(model);
  changed_.wait(lock, [this] {
    return std::all_of(models_.begin(), models_.end(),
                       [](const auto& one) { return one.second.state == State::unloaded; });
  });
  bury();
}

}  // namespace llm::router
