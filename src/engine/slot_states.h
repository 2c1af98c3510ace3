// Slots whose pages somebody reads or writes outside the engine's thread: saved and restored ones.
// Engine thread only, but for the states that are lent out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "engine/paged_tokens.h"

namespace llm {

class SlotStates {
 public:
  /// wake: called from any thread when a state was given back.
  SlotStates(PagedCache& cache, std::function<void()> wake);
  ~SlotStates();

  /// What of the tokens is cached, from the first on.
  std::unique_ptr<SlotState> open(std::span<const TokenId> tokens);
  /// Pages to be written; null when there are not enough.
  std::unique_ptr<SlotState> reserve(std::vector<TokenId> tokens, int exact_tokens);
  /// The pages of a written state become part of the cache; returns its tokens.
  std::vector<TokenId> restore(std::unique_ptr<SlotState> state);
  /// Pages are lent out, which come back soon.
  bool any_lent() const { return !lent_.empty(); }
  /// Pages of states that were let go are free again.
  void take_returned();

 private:
  class Lent;
  /// What lent states give back; they may outlive all else.
  struct Returns {
    std::mutex mutex;
    std::function<void()> wake;  // guarded by mutex; empty when nobody listens any more
    std::vector<int> ids;        // guarded by mutex
  };

  std::unique_ptr<SlotState> lend(std::unique_ptr<PagedTokens> tokens, int count, int exact_tokens);
  void clean_last_page(PagedTokens& tokens, int count);

  PagedCache& cache_;
  std::map<int, std::unique_ptr<PagedTokens>> lent_;
  int next_id_ = 0;
  std::shared_ptr<Returns> returns_;
};

}  // namespace llm
