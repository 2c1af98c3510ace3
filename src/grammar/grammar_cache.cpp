#include "grammar/grammar_cache.h"

namespace llm::grammar {

std::shared_ptr<const Grammar> GrammarCache::get(const std::string& key, const Make& make) {
  std::promise<std::shared_ptr<const Grammar>> promise;
  std::uint64_t id = 0;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      const Result result = found->second->result;
      lock.unlock();
      return result.get();
    }
    id = next_id_++;
    entries_.push_front({.key = key, .result = promise.get_future().share(), .id = id});
    by_key_[key] = entries_.begin();
  }
  try {
    std::shared_ptr<const Grammar> grammar = make();
    promise.set_value(grammar);
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found != by_key_.end() && found->second->id == id) found->second->is_ready = true;
    shrink();
    return grammar;
  } catch (...) {
    promise.set_exception(std::current_exception());
    drop(key, id);
    throw;
  }
}

std::size_t GrammarCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void GrammarCache::drop(const std::string& key, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->id != id) return;
  entries_.erase(found->second);
  by_key_.erase(found);
}

/// Drops the longest unused ones. Those that are being made stay: others wait for them.
void GrammarCache::shrink() {
  std::size_t bytes = 0, kept = 0;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (!at->is_ready) {
      ++at;
      continue;
    }
    bytes += at->key.size() + at->result.get()->memory();
    const bool is_latest = kept == 0;
    if (is_latest || (kept < max_grammars_ && bytes <= max_bytes_)) {
      ++kept;
      ++at;
      continue;
    }
    by_key_.erase(at->key);
    at = entries_.erase(at);
  }
}

}  // namespace llm::grammar
