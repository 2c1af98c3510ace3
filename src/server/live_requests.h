// Which request runs where: the engine knows requests by number and nothing of wire formats, but
// /slots shows their parameters and clients name them by completion id.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/request/params.h"
#include "server/request/reasoning_budget.h"

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

  /// control: null when the thoughts of that completion may not be ended from outside.
  void begin_completion(const std::string& id, std::shared_ptr<ReasoningSwitch> control);
  void end_completion(const std::string& id);
  enum class Ended { yes, not_allowed, unknown };
  /// Ends the thoughts of a running completion.
  Ended end_reasoning(const std::string& id) const;
  bool has_completion(const std::string& id) const;

 private:
  mutable std::mutex mutex_;
  std::map<int, SharedParams> running_;
  std::map<int, SharedParams> last_by_slot_;
  std::map<std::string, std::shared_ptr<ReasoningSwitch>> completions_;
};

}  // namespace llm::server
