#include "grammar/regex/code_ranges.h"

#include <algorithm>

namespace llm::grammar {

CodeRanges normalized(CodeRanges ranges) {
  std::sort(ranges.begin(), ranges.end());
  CodeRanges out;
  for (const CodeRange& range : ranges) {
    if (range.first > range.last) continue;
    if (!out.empty() && range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

CodeRanges complement(const CodeRanges& set) {
  const CodeRanges taken = union_of(set, {{kFirstSurrogate, kLastSurrogate}});
  CodeRanges out;
  char32_t next = 0;
  for (const CodeRange& range : taken) {
    if (range.first > next) out.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) out.push_back({next, kLastCodePoint});
  return out;
}

CodeRanges intersection(const CodeRanges& a, const CodeRanges& b) {
  CodeRanges out;
  for (std::size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    const char32_t first = std::max(a[i].first, b[k].first);
    const char32_t last = std::min(a[i].last, b[k].last);
    if (first <= last) out.push_back({first, last});
    (a[i].last < b[k].last ? i : k) += 1;
  }
  return out;
}

CodeRanges union_of(CodeRanges a, const CodeRanges& b) {
  a.insert(a.end(), b.begin(), b.end());
  return normalized(std::move(a));
}

bool contains(const CodeRanges& set, char32_t code_point) {
  const auto next =
      std::upper_bound(set.begin(), set.end(), code_point,
                       [](char32_t value, const CodeRange& range) { return value < range.first; });
  return next != set.begin() && code_point <= std::prev(next)->last;
}

const CodeRanges& all_characters() {
  static const CodeRanges all = complement({});
  return all;
}

}  // namespace llm::grammar
