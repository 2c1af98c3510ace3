#include <algorithm>

#include "tokenizer/split/contraction.h"
#include "tokenizer/split/rules.h"
#include "tokenizer/split/whitespace.h"

namespace llm::split {
namespace {

// In all of these the order of the alternatives is
//   contraction | [^\r\n\p{L}\p{N}]?LETTERS+ | \p{N}{1,k} | ' '?OTHERS+NEWLINES* | white space

/// Up to `limit` numbers; 0: all.
std::size_t skip_numbers(const Segment& s, std::size_t pos, int limit) {
  if (limit == 0) return s.skip(pos, kNumber);
  for (int i = 0; i < limit; ++i) {
    const Char c = s.at(pos);
    if (!c.is(kNumber)) break;
    pos += c.length;
  }
  return pos;
}

/// Letters, perhaps with one character in front that is no letter, number or newline.
template <std::uint8_t letters>
std::size_t skip_word(const Segment& s, std::size_t pos, const Char& c) {
  if (!c.is(kNewline | kLetter | kNumber)) {
    const std::size_t next = pos + c.length;
    const Char first = s.at(next);
    if (first.is(letters)) return s.skip(next + first.length, letters);
  }
  return c.is(letters) ? s.skip(pos + c.length, letters) : pos;
}

/// Characters that are none of `not_others`, perhaps with a space in front, and newlines behind.
template <std::uint8_t not_others>
std::size_t skip_others(const Segment& s, std::size_t pos) {
  const std::size_t begin = s.byte(pos) == ' ' ? pos + 1 : pos;
  const std::size_t end = s.skip_not(begin, not_others);
  return end == begin ? pos : s.skip(end, kNewline);
}

/// \s*[\r\n]+|\s+(?!\S)|\s+
std::size_t skip_space(WhiteSpace& space, std::size_t pos) {
  if (const std::size_t end = space.to_last_newline(pos); end != pos) return end;
  if (const std::size_t end = space.not_before_word(pos); end != pos) return end;
  return space.run_end(pos);
}

template <std::uint8_t letters, int digits>
void words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    if (const std::size_t end = skip_contraction<true>(s, pos); end != pos) return end;
    const Char c = s.at(pos);
    if (const std::size_t end = skip_word<letters>(s, pos, c); end != pos) return end;
    if (c.is(kNumber)) return skip_numbers(s, pos, digits);
    if (const std::size_t end = skip_others<kSpace | kNumber | letters>(s, pos); end != pos)
      return end;
    return c.is(kSpace) ? skip_space(space, pos) : pos;
  });
}

/// \s{512}(?!\S)|\s{256}(?!\S)|...|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}
std::size_t skip_power_of_two(const Segment& s, std::size_t pos) {
  constexpr int kLongest = 512;
  // Ends after 0, 1, 2, 4, ... 512 characters of white space; as far as there are so many.
  std::size_t end = pos;
  std::size_t ends[11] = {};
  int count = 0, powers = 0;
  while (count <= kLongest) {
    const Char c = s.at(end);
    if (!c.is(kSpace)) break;
    end += c.length;
    if (++count == 1 << powers) ends[powers++] = end;
  }
  // The longest power that no word follows: more white space does, or nothing at all.
  while (powers > 0) {
    const std::size_t power_end = ends[--powers];
    if (power_end == s.end || s.at(power_end).is(kSpace)) return power_end;
  }
  return ends[0];
}

/// \p{L}\p{M}*(?: \p{L}\p{M}*)*, one or more times, from a letter on.
std::size_t skip_joined_letters(const Segment& s, std::size_t pos) {
  for (;;) {
    pos = s.skip(pos, kLetter | kMark);
    if (s.byte(pos) != ' ' || !s.at(pos + 1).is(kLetter)) return pos;
    ++pos;
  }
}

}  // namespace

void llama3_words(const Segment& s, Cuts& cuts) {
  words<kLetter, 3>(s, cuts);
}
void qwen2_words(const Segment& s, Cuts& cuts) {
  words<kLetter, 1>(s, cuts);
}
void qwen35_words(const Segment& s, Cuts& cuts) {
  words<kLetter | kMark, 1>(s, cuts);
}
void long_number_words(const Segment& s, Cuts& cuts) {
  words<kLetter, 0>(s, cuts);
}

void jais2_words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    if (const std::size_t end = skip_contraction<true>(s, pos); end != pos) return end;
    const Char c = s.at(pos);
    if (const std::size_t end = skip_word<kLetter>(s, pos, c); end != pos) return end;
    if (c.is(kNumber)) return skip_numbers(s, pos, 3);
    if (const std::size_t end = skip_others<kSpace | kNumber | kLetter>(s, pos); end != pos)
      return end;
    if (!c.is(kSpace)) return pos;
    if (const std::size_t end = space.to_last_newline(pos); end != pos) return end;
    return skip_power_of_two(s, pos);
  });
}

// ... ' '?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+
void seed_coder_words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    if (const std::size_t end = skip_contraction<true>(s, pos); end != pos) return end;
    const Char c = s.at(pos);
    if (const std::size_t end = skip_word<kLetter>(s, pos, c); end != pos) return end;
    if (c.is(kNumber)) return pos + c.length;
    const std::size_t begin = s.byte(pos) == ' ' ? pos + 1 : pos;
    const std::size_t end = s.skip_not(begin, kSpace | kNumber | kLetter);
    if (end != begin) return end;
    return c.is(kSpace) ? skip_space(space, pos) : pos;
  });
}

// ... [^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|...
void exaone_moe_words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    if (const std::size_t end = skip_contraction<true>(s, pos); end != pos) return end;
    const Char c = s.at(pos);
    const bool has_front = !c.is(kNewline | kLetter | kNumber);
    if (has_front && s.at(pos + c.length).is(kLetter))
      return skip_joined_letters(s, pos + c.length);
    if (c.is(kLetter)) return skip_joined_letters(s, pos);
    if (c.is(kNumber)) return pos + c.length;
    const std::size_t begin = s.byte(pos) == ' ' ? pos + 1 : pos;
    const std::size_t end = s.skip_not(begin, kSpace | kNumber | kLetter);
    // A slash is never left over here: it belongs to the others before it.
    if (end != begin) return s.at(end).is(kNewline) ? end + 1 : end;
    return c.is(kSpace) ? skip_space(space, pos) : pos;
  });
}

// HAN+|[^\r\nLN HAN]?L+(contraction)?|N{1,3}| ?[^\sLN HAN]+[\r\n]*|white space, where L and N leave
// Han characters out.
void kimi_words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  const auto is_letter = [](const Char& c) { return (c.bits & (kLetter | kHan)) == kLetter; };
  const auto is_number = [](const Char& c) { return (c.bits & (kNumber | kHan)) == kNumber; };
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    const Char c = s.at(pos);
    if (c.is(kHan)) return s.skip(pos, kHan);
    std::size_t word = pos;
    if (!c.is(kNewline | kLetter | kNumber) && is_letter(s.at(pos + c.length))) word += c.length;
    if (const std::size_t end = s.skip_while(word, is_letter); end != word)
      return skip_contraction<true>(s, end);
    if (is_number(c)) {
      std::size_t end = pos;
      for (int i = 0; i < 3 && is_number(s.at(end)); ++i) end += s.at(end).length;
      return end;
    }
    if (const std::size_t end = skip_others<kSpace | kNumber | kLetter | kHan>(s, pos); end != pos)
      return end;
    return c.is(kSpace) ? skip_space(space, pos) : pos;
  });
}

}  // namespace llm::split
