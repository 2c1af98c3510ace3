// Repetition, frequency and presence penalties over the last tokens of a sequence.
#pragma once

#include <cstddef>
#include <vector>

#include "base/token.h"
#include "sampling/candidates.h"
#include "sampling/window.h"

namespace llm::sampling {

/// How often each token occurs in a window: open addressing, no allocation once grown.
class TokenCounts {
 public:
  void add(TokenId token);
  void remove(TokenId token);  // must be present
  int count(TokenId token) const;
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.count > 0) visit(slot.token, slot.count);
  }

 private:
  struct Slot {
    TokenId token = kNoToken;
    int count = 0;  // 0: empty
  };
  std::size_t home(TokenId token) const;
  std::size_t find(TokenId token) const;  // its slot, or the empty one where it belongs
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t used_ = 0;
};

class Penalties {
 public:
  struct Params {
    int last_n;
    float repeat, frequency, presence;
    bool active() const {
      return last_n > 0 && (repeat != 1.0f || frequency != 0.0f || presence != 0.0f);
    }
  };
  explicit Penalties(const Params& params) : params_(params), window_(params.last_n) {}

  void observe(TokenId token);
  void apply(Candidates& candidates) const;

 private:
  float penalized(float logit, int count) const;

  Params params_;
  TokenWindow window_;
  TokenCounts counts_;
};

}  // namespace llm::sampling
