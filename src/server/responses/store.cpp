#include "server/responses/store.h"

#include "server/reply/pieces.h"

namespace llm::server {

void ResponseStore::put(const std::string& id, StoredResponse stored) {
  const std::size_t bytes =
      dump(stored.response).size() + dump(stored.input).size() + dump(stored.conversation).size();
  const std::lock_guard lock(mutex_);
  if (const auto found = by_id_.find(id); found != by_id_.end()) remove(found->second);
  entries_.push_front({id, std::make_shared<const StoredResponse>(std::move(stored)), bytes});
  by_id_[id] = entries_.begin();
  bytes_ += bytes;
  while (!entries_.empty() && (entries_.size() > kMaxResponses || bytes_ > kMaxBytes)) {
    remove(std::prev(entries_.end()));
  }
}

std::shared_ptr<const StoredResponse> ResponseStore::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second->stored;
}

bool ResponseStore::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  remove(found->second);
  return true;
}

void ResponseStore::remove(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_id_.erase(entry->id);
  entries_.erase(entry);
}

}  // namespace llm::server
