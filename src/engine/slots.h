// llama-server's slots, kept as a view: which running sequence shows up under which number, and
// what that number held last. Caching does not depend on them. Engine thread only.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/token.h"
#include "engine/prefix_cache.h"

namespace llm {

class SlotTable {
 public:
  SlotTable(int count, double similarity);

  /// The slot for a prompt, now busy; nullopt when none (or not the wished one) is idle.
  /// wish: id_slot, taken modulo the number of slots; -1: any. Prefers the idle slot whose last
  /// tokens the prompt continues, then the least recently used one, the highest number among
  /// equals.
  std::optional<int> take(std::span<const TokenId> prompt, int wish);
  void give_back(int slot, std::vector<TokenId> tokens_held, PageContexts contexts = {});

  bool is_busy(int slot) const { return slots_[slot].busy; }
  /// What an idle slot held last, and a busy one before.
  std::span<const TokenId> held(int slot) const { return slots_[slot].tokens; }
  /// What its pages depend on besides the tokens.
  const PageContexts& contexts(int slot) const { return slots_[slot].contexts; }
  /// Of an idle slot, which was used now.
  void set_held(int slot, std::vector<TokenId> tokens);
  /// How many of its first tokens another slot holds, too; when that is all that the other one
  /// holds, to the end of the page.
  int shared_with_others(int slot) const;

  int count() const { return static_cast<int>(slots_.size()); }
  int busy_count() const { return busy_; }

 private:
  struct Slot {
    bool busy = false;
    long last_used = 0;
    std::vector<TokenId> tokens;
    PageContexts contexts;
  };
  int most_similar(std::span<const TokenId> prompt) const;
  int least_recently_used() const;

  std::vector<Slot> slots_;
  double similarity_;
  long clock_ = 0;
  int busy_ = 0;
};

}  // namespace llm
