#include "tokenizer/split/segment.h"

#include <algorithm>
#include <iterator>

#include "tokenizer/unicode.h"

namespace llm::split {
namespace {

constexpr Range kHanRanges[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                {0x2B820, 0x2CEAF}, {0x2CEB0, 0x2EBEF}, {0x2F800, 0x2FA1F}};

std::uint8_t bits_of(char category) {
  switch (category) {
    case 'L':
      return kLetter;
    case 'N':
      return kNumber;
    case 'P':
      return kPunctuation;
    case 'S':
      return kSymbol;
    case 'M':
      return kMark;
    default:
      return 0;
  }
}

std::vector<std::uint8_t> make_class_table() {
  std::vector<std::uint8_t> table(unicode::kMaxCodePoint + 1);
  unicode::for_each_category_range([&](char32_t first, char32_t last, char category) {
    std::fill(table.begin() + first, table.begin() + last + 1, bits_of(category));
  });
  for (const Range& range : kHanRanges)
    for (char32_t c = range.first; c <= range.last; ++c) table[c] |= kHan;
  for (char32_t c = 0; c <= 0x3000; ++c)
    if (unicode::is_white_space(c)) table[c] = kSpace;
  table['\r'] = table['\n'] = kSpace | kNewline;
  table['~'] = 0;
  return table;
}

}  // namespace

const std::uint8_t* class_table() {
  static const std::vector<std::uint8_t> table = make_class_table();
  return table.data();
}

bool contains(RangeSet set, char32_t c) {
  const auto next = std::upper_bound(set.begin(), set.end(), c,
                                     [](char32_t code, const Range& r) { return code < r.first; });
  return next != set.begin() && c <= std::prev(next)->last;
}

}  // namespace llm::split
