// What of a prompt was computed before at other positions. Touches no pages.
#pragma once

#include <span>
#include <vector>

#include "base/token.h"

namespace llm {

struct Piece {
  int from;   // where it is in the tokens that were computed before
  int to;     // where it is in the prompt
  int count;  // tokens

  friend bool operator==(const Piece&, const Piece&) = default;
};

/// Runs of at least `least` tokens (1 or more) of `prompt` behind its first `begin` that `held` has
/// somewhere, in the order of the prompt, none overlapping another. The longest of the first few
/// candidates is taken, so that the effort grows with the length of the prompt only.
std::vector<Piece> find_pieces(std::span<const TokenId> held, std::span<const TokenId> prompt,
                               int begin, int least);

}  // namespace llm
