#include "grammar/automaton/utf8_ranges.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"

namespace llm::grammar {
namespace {

constexpr std::array<char32_t, 4> kLastOfLength = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};

void add_sequence(std::vector<Utf8Sequence>& out, char32_t first, char32_t last) {
  std::string low, high;
  utf8::append(low, first);
  utf8::append(high, last);
  Utf8Sequence sequence;
  sequence.length = static_cast<int>(low.size());
  for (int i = 0; i < sequence.length; ++i) {
    sequence.low[i] = static_cast<std::uint8_t>(low[i]);
    sequence.high[i] = static_cast<std::uint8_t>(high[i]);
  }
  out.push_back(sequence);
}

/// Splits until the bytes vary independently: below the highest byte that differs, both ends must
/// be at the ends of their 6-bit blocks.
void split(std::vector<Utf8Sequence>& out, char32_t first, char32_t last, int length) {
  for (int block = 1; block < length; ++block) {
    const char32_t low_bits = (char32_t{1} << (6 * block)) - 1;
    if ((first & ~low_bits) == (last & ~low_bits)) continue;
    if ((first & low_bits) != 0) {
      split(out, first, first | low_bits, length);
      split(out, (first | low_bits) + 1, last, length);
      return;
    }
    if ((last & low_bits) != low_bits) {
      split(out, first, (last & ~low_bits) - 1, length);
      split(out, last & ~low_bits, last, length);
      return;
    }
  }
  add_sequence(out, first, last);
}

}  // namespace

std::vector<Utf8Sequence> utf8_sequences(std::span<const CodeRange> ranges) {
  std::vector<Utf8Sequence> out;
  for (const CodeRange& range : ranges) {
    char32_t first = range.first;
    for (int length = 1; length <= 4 && first <= range.last; ++length) {
      const char32_t end = kLastOfLength[length - 1];
      if (first > end) continue;
      const char32_t last = std::min(range.last, end);
      split(out, first, last, length);
      first = last + 1;
    }
  }
  return out;
}

}  // namespace llm::grammar
