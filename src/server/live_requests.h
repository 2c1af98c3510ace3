// Which request runs where: the engine knows requests by number and nothing of wire formats, but
// /slots shows their parameters and clients name them by completion id.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "server/request/params.h"

namespace llm::server {

using SharedParams = std::shared_ptr<const CompletionParams>;

/// Safe to use from every thread. Holds what runs, and per slot what ran there last.
class LiveRequests {
 public:
  void begin(int request, SharedParams params);
  /// slot: where it ran, -1 when it never did.
  void end(int request, int slot);
  /// Parameters of the request, or of the last one in `slot`; null when there was none.
  SharedParams find(int request, int slot) const;

  void begin_completion(const std::string& id);
  void end_completion(const std::string& id);
  bool has_completion(const std::string& id) const;

 private:
  mutable std::mutex mutex_;
  std::map<int, SharedParams> running_;
  std::map<int, SharedParams> last_by_slot_;
  std::multiset<std::string> completions_;
};

}  // namespace llm::server
