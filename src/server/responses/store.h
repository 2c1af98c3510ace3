// The replies of /v1/responses that are kept, so that a later request can go on from one. In memory
// only, bounded; the oldest go first.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/json.h"

namespace llm::server {

struct StoredResponse {
  Json response;      // as it was sent
  Json input;         // items of its own request
  Json conversation;  // all items: of earlier turns, of the request, of the reply
};

/// Safe to use from every thread.
class ResponseStore {
 public:
  static constexpr std::size_t kMaxResponses = 1000;
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;  // of JSON text

  void put(const std::string& id, StoredResponse stored);
  /// Null when there is none (any more).
  std::shared_ptr<const StoredResponse> find(const std::string& id) const;
  /// False when there was none.
  bool erase(const std::string& id);

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<const StoredResponse> stored;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;  // latest first
  void remove(Entries::iterator entry);

  mutable std::mutex mutex_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_id_;
  std::size_t bytes_ = 0;
};

}  // namespace llm::server
