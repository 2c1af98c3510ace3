#include "server/live_requests.h"

namespace llm::server {

void LiveRequests::begin(int request, SharedParams params) {
  const std::lock_guard lock(mutex_);
  running_[request] = std::move(params);
}

void LiveRequests::end(int request, int slot) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(request);
  if (found == running_.end()) return;
  if (slot >= 0) last_by_slot_[slot] = std::move(found->second);
  running_.erase(found);
}

SharedParams LiveRequests::find(int request, int slot) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = running_.find(request); found != running_.end()) return found->second;
  const auto last = last_by_slot_.find(slot);
  return last == last_by_slot_.end() ? nullptr : last->second;
}

void LiveRequests::begin_completion(const std::string& id,
                                    std::shared_ptr<ReasoningSwitch> control) {
  const std::lock_guard lock(mutex_);
  completions_[id] = std::move(control);
}

void LiveRequests::end_completion(const std::string& id) {
  const std::lock_guard lock(mutex_);
  completions_.erase(id);
}

LiveRequests::Ended LiveRequests::end_reasoning(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = completions_.find(id);
  if (found == completions_.end()) return Ended::unknown;
  if (!found->second) return Ended::not_allowed;
  found->second->end_reasoning();
  return Ended::yes;
}

bool LiveRequests::has_completion(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return completions_.contains(id);
}

}  // namespace llm::server
