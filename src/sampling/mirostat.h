// Mirostat (arXiv:2007.14966): keeps the surprise of the text near tau by adapting a limit mu from
// token to token. It makes the draw itself.
#pragma once

#include "sampling/candidates.h"
#include "sampling/draw.h"

namespace llm::sampling {

class Mirostat {
 public:
  struct Params {
    int version;  // 1 or 2
    float tau, eta;
  };
  explicit Mirostat(const Params& params) : params_(params), mu_(2 * params.tau) {}

  /// Truncates and draws; nothing is learnt until commit().
  TokenId draw(Candidates& candidates, Generator& generator);
  /// The last drawn token stands.
  void commit();

 private:
  void truncate_by_zipf(Candidates& candidates) const;      // version 1
  void truncate_by_surprise(Candidates& candidates) const;  // version 2

  Params params_;
  float mu_;
  float drawn_p_ = 1;
};

}  // namespace llm::sampling
