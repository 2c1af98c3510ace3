// What is told about the fleet.
#include "router/fleet.h"

namespace llm::router {

std::string Fleet::own_name(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const Model* model = find(name);
  return model ? model->entry.name : std::string();
}

std::vector<std::string> Fleet::running() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [name, model] : models_)
    if (serves(model)) out.push_back(name);
  return out;
}

bool Fleet::is_running(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const Model* model = find(name);
  return model && model->state != State::unloaded;
}

void Fleet::for_each(const std::function<void(const ModelView&)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, model] : models_) {
    if (model.is_gone) continue;
    auto arguments = settings_of(model).arguments();
    arguments.insert(arguments.begin(), "llama-server");
    const bool is_coming = model.state == State::unloaded && is_queued(name);
    const ModelView view{.entry = &model.entry,
                         .arguments = std::move(arguments),
                         .state = is_coming ? State::loading : model.state,
                         .is_failed = model.is_failed,
                         .exit_code = model.exit_code,
                         .last_lines = model.last_lines,
                         .info = model.info};
    visit(view);
  }
}

FleetReport Fleet::report() const {
  const std::lock_guard lock(mutex_);
  FleetReport out{.models = {},
                  .waiting_loads = static_cast<int>(queue_.size()),
                  .limits = settings_.limits,
                  .load_seconds = load_seconds_.values()};
  for (const auto& [name, model] : models_)
    out.models.push_back({.name = name,
                          .state = model.state,
                          .counts = model.counts,
                          .bytes = ledger_bytes(model),
                          .running = model.instance ? model.instance->users : 0,
                          .waiting = static_cast<int>(model.waiters.size())});
  return out;
}

}  // namespace llm::router
