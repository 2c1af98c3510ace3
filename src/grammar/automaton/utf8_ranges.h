// Ranges of code points as sequences of byte ranges.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "grammar/expression.h"

namespace llm::grammar {

/// The UTF-8 forms of a set of characters: byte i lies in [low[i], high[i]].
struct Utf8Sequence {
  int length = 0;
  std::array<std::uint8_t, 4> low{}, high{};
};

/// In ascending order; the first bytes of two sequences are the same range or disjoint, and so on
/// for the further ones. `ranges` are sorted, disjoint and without surrogates.
std::vector<Utf8Sequence> utf8_sequences(std::span<const CodeRange> ranges);

}  // namespace llm::grammar
