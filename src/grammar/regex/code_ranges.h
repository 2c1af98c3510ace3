// Sets of code points as sorted, disjoint ranges that do not touch. Surrogates are no characters:
// a complement never holds them.
#pragma once

#include <vector>

#include "grammar/expression.h"

namespace llm::grammar {

using CodeRanges = std::vector<CodeRange>;

inline constexpr char32_t kLastCodePoint = 0x10FFFF;
inline constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

inline bool operator==(const CodeRange& a, const CodeRange& b) {
  return a.first == b.first && a.last == b.last;
}
inline bool operator<(const CodeRange& a, const CodeRange& b) {
  return a.first != b.first ? a.first < b.first : a.last < b.last;
}

/// Any ranges, in any order, as a set.
CodeRanges normalized(CodeRanges ranges);
CodeRanges complement(const CodeRanges& set);
CodeRanges intersection(const CodeRanges& a, const CodeRanges& b);
CodeRanges union_of(CodeRanges a, const CodeRanges& b);
bool contains(const CodeRanges& set, char32_t code_point);
/// Every character.
const CodeRanges& all_characters();

}  // namespace llm::grammar
