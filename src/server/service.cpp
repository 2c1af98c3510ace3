#include "server/service.h"

#include <algorithm>

#include "base/utc.h"
#include "server/props.h"
#include "server/reply/pieces.h"

namespace llm::server {

Service::Service(const Options& options)
    : options_(options),
      observer_(options),
      start_unix_s_(unix_seconds()),
      media_marker_("<__media_" + random_letters(32) + "__>") {}

void Service::set_serving(std::shared_ptr<Serving> serving, Sleep sleep) {
  sleep_ = std::move(sleep);
  residence_.begin(
      std::move(serving),
      {.load = [this] { return load_again(); },
       .idle = std::chrono::seconds(sleep_.load ? std::max(options_.features.sleep_idle_s, 0) : 0),
       .before_sleep = [this](const Serving& leaving) { before_sleep(leaving); },
       .fell_asleep = sleep_.fell_asleep,
       .woke_up = sleep_.woke_up});
}

std::shared_ptr<Serving> Service::load_again() {
  AdapterRecords adapters;
  {
    const std::lock_guard lock(mutex_);
    past_ = asleep_.stats;
    adapters = asleep_.adapters;
  }
  const std::lock_guard lock(change_mutex_);
  auto serving = sleep_.load();
  serving->engine.restore_adapters(adapters);
  return changes_.empty() ? serving : std::make_shared<Serving>(serving, changes_);
}

void Service::before_sleep(const Serving& serving) {
  Asleep asleep{props_json(*this, serving, /*is_sleeping=*/true), models_json(*this, serving),
                serving.engine.stats(), serving.engine.adapters().records()};
  EngineStats& stats = asleep.stats;
  const std::lock_guard lock(mutex_);
  stats.add_past(past_);
  stats.processing = stats.waiting = 0;
  stats.pages_used = stats.pages_cached = stats.pages_shared = 0;
  stats.pages_free = stats.pages;
  asleep_ = std::move(asleep);
}

Asleep Service::asleep() const {
  const std::lock_guard lock(mutex_);
  return asleep_;
}

EngineStats Service::stats() {
  const auto lease = residence_.look();
  if (!lease) return asleep().stats;
  EngineStats stats = serving().engine.stats();
  const std::lock_guard lock(mutex_);
  stats.add_past(past_);
  return stats;
}

Json Service::change(const Json& wanted) {
  const std::lock_guard lock(change_mutex_);
  const std::shared_ptr<Serving> now = residence_.current();
  RuntimeChanges changes = with_changes(changes_, wanted);
  const auto changed = std::make_shared<Serving>(now->at_start ? now->at_start : now, changes);
  Json difference = difference_of(*now, *changed);
  if (difference.empty()) return difference;
  changes_ = std::move(changes);
  residence_.replace(changed);
  return difference;
}

}  // namespace llm::server
