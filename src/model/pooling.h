// From the vectors of a sequence's tokens to one vector, token by token, so that a long sequence
// may come in pieces.
#pragma once

#include <span>
#include <vector>

#include "model/model.h"

namespace llm {

/// "none", "mean", "cls", "last", "rank".
const char* pooling_name(Pooling pooling);

class Pooler {
 public:
  /// how: not rank; a classifier's input is one of the others (ModelInfo::rank_input).
  Pooler(Pooling how, int width) : how_(how), width_(width) {}

  /// Which tokens' vectors are asked of the model, for a piece of a sequence.
  Outputs outputs(bool reaches_end) const;
  /// The next token's vector. With Pooling::last only that of the last token needs to come.
  void add(std::span<const float> row);

  /// One vector, or with Pooling::none one per token, one behind the other. Empty when nothing was
  /// added.
  std::vector<float> take();

 private:
  Pooling how_;
  [[maybe_unused]] int width_;  // asserted
  int count_ = 0;
  std::vector<double> sums_;
  std::vector<float> kept_;
};

}  // namespace llm
