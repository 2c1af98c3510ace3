#pragma once

#include "tokenizer/split/segment.h"

namespace llm::split {

/// 's 't 're 've 'm 'll 'd at `pos`, exactly or in any (ASCII) case; `pos` when there is none.
template <bool any_case>
std::size_t skip_contraction(const Segment& s, std::size_t pos) {
  if (s.byte(pos) != '\'') return pos;
  const auto letter = [&](std::size_t at) {
    const int c = s.byte(at);
    return any_case && c >= 'A' && c <= 'Z' ? c + 32 : c;
  };
  const int first = letter(pos + 1);
  switch (first) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return pos + 2;
    case 'r':
    case 'v':
      return letter(pos + 2) == 'e' ? pos + 3 : pos;
    case 'l':
      return letter(pos + 2) == 'l' ? pos + 3 : pos;
    default:
      return pos;
  }
}

}  // namespace llm::split
