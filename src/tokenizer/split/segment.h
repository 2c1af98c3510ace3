// A piece of text that a splitting rule works on, with the character classes of the rules.
// Text here is canonical UTF-8 (unicode.h); positions are bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace llm::split {

// Class bits. White space belongs to no other class; ASCII '~' to none at all, as in the reference.
inline constexpr std::uint8_t kLetter = 1, kNumber = 2, kPunctuation = 4, kSymbol = 8, kMark = 16,
                              kSpace = 32, kNewline = 64 /* \r \n, also kSpace */, kHan = 128;

/// Bits of every code point up to U+10FFFF; made on first use.
const std::uint8_t* class_table();

struct Range {
  char32_t first, last;
};
/// Sorted ranges, without white space.
using RangeSet = std::span<const Range>;
bool contains(RangeSet set, char32_t c);

/// Ends of the words found so far, ascending.
using Cuts = std::vector<std::uint32_t>;

struct Char {
  char32_t code = 0xFFFFFFFF;
  std::uint32_t length = 0;  // 0 behind the end
  std::uint8_t bits = 0;
  bool is(std::uint8_t mask) const { return (bits & mask) != 0; }
};

/// text[begin, end): nothing outside is seen, as anchors and lookaheads demand.
class Segment {
 public:
  Segment(std::string_view text, std::size_t segment_begin, std::size_t segment_end)
      : begin(segment_begin),
        end(segment_end),
        data_(reinterpret_cast<const unsigned char*>(text.data())),
        classes_(class_table()) {}

  std::size_t begin, end;

  Char at(std::size_t pos) const {
    if (pos >= end) return {};
    const unsigned char lead = data_[pos];
    if (lead < 0x80) return {lead, 1, classes_[lead]};
    char32_t code;
    std::uint32_t length;
    if (lead < 0xE0) {
      code = (lead & 0x1Fu) << 6 | tail(pos + 1);
      length = 2;
    } else if (lead < 0xF0) {
      code = (lead & 0x0Fu) << 12 | tail(pos + 1) << 6 | tail(pos + 2);
      length = 3;
    } else {
      code = (lead & 0x07u) << 18 | tail(pos + 1) << 12 | tail(pos + 2) << 6 | tail(pos + 3);
      length = 4;
    }
    return {code, length, classes_[code]};
  }
  /// The byte, or -1 behind the end.
  int byte(std::size_t pos) const { return pos < end ? data_[pos] : -1; }
  bool starts_with(std::size_t pos, std::string_view what) const {
    return end - pos >= what.size() &&
           std::string_view(reinterpret_cast<const char*>(data_) + pos, what.size()) == what;
  }
  /// The position of the character that ends before `pos`; pos > begin.
  std::size_t before(std::size_t pos) const {
    do --pos;
    while (pos > begin && (data_[pos] & 0xC0) == 0x80);
    return pos;
  }
  /// Goes on while accepted(char).
  template <class Accepted>
  std::size_t skip_while(std::size_t pos, Accepted accepted) const {
    for (Char c = at(pos); c.length != 0 && accepted(c); c = at(pos)) pos += c.length;
    return pos;
  }
  std::size_t skip(std::size_t pos, std::uint8_t mask) const {
    return skip_while(pos, [=](const Char& c) { return c.is(mask); });
  }
  std::size_t skip_not(std::size_t pos, std::uint8_t mask) const {
    return skip_while(pos, [=](const Char& c) { return !c.is(mask); });
  }

 private:
  std::uint32_t tail(std::size_t pos) const { return data_[pos] & 0x3Fu; }

  const unsigned char* data_;
  const std::uint8_t* classes_;
};

/// Applies "what does the expression match here?" along the segment: every match is a word, and so
/// is every gap between matches. match(pos) gives the end of the match, or pos where there is none.
template <class Match>
void cut_matches(const Segment& segment, Cuts& cuts, Match match) {
  std::size_t gap = segment.begin;
  for (std::size_t pos = segment.begin; pos < segment.end;) {
    const std::size_t match_end = match(pos);
    if (match_end == pos) {
      pos += segment.at(pos).length;
      continue;
    }
    if (gap < pos) cuts.push_back(static_cast<std::uint32_t>(pos));
    cuts.push_back(static_cast<std::uint32_t>(match_end));
    pos = gap = match_end;
  }
  if (gap < segment.end) cuts.push_back(static_cast<std::uint32_t>(segment.end));
}

}  // namespace llm::split
