#include "tokenizer/split/contraction.h"
#include "tokenizer/split/rules.h"
#include "tokenizer/split/whitespace.h"

namespace llm::split {
namespace {

// The expressions are, with X the letters but a-z and Y the letters but A-Z,
//   P?X*Y+C?|P?X+Y*C?|\p{N}{1,k}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
// P = [^\r\n\p{L}\p{N}], C = contraction. Only ASCII has case here: other letters are in X and Y.
struct Style {
  std::uint8_t letters = kLetter;
  bool cased = true;
  int digits = 1;
  bool contractions = true;
};

bool is_ascii_lower(const Char& c) {
  return c.code >= 'a' && c.code <= 'z';
}
bool is_ascii_upper(const Char& c) {
  return c.code >= 'A' && c.code <= 'Z';
}

/// X*Y+ from `pos`: where it ends, or `pos`.
template <Style style>
std::size_t skip_rising(const Segment& s, std::size_t pos) {
  const auto in_y = [](const Char& c) { return c.is(style.letters) && !is_ascii_upper(c); };
  std::size_t both_end = pos;  // behind the last character of the X run that is in Y too
  std::size_t x_end = pos;
  for (Char c = s.at(pos); c.is(style.letters) && !is_ascii_lower(c); c = s.at(x_end)) {
    x_end += c.length;
    if (!is_ascii_upper(c)) both_end = x_end;
  }
  const std::size_t y_end = s.skip_while(x_end, in_y);
  // Without a Y behind the X run, X* gives back down to its last character that is in Y.
  return y_end != x_end ? y_end : both_end;
}

/// X+Y* from `pos`.
template <Style style>
std::size_t skip_falling(const Segment& s, std::size_t pos) {
  const std::size_t x_end =
      s.skip_while(pos, [](const Char& c) { return c.is(style.letters) && !is_ascii_lower(c); });
  if (x_end == pos) return pos;
  return s.skip_while(x_end,
                      [](const Char& c) { return c.is(style.letters) && !is_ascii_upper(c); });
}

template <Style style>
std::size_t skip_word(const Segment& s, std::size_t pos, const Char& c) {
  const bool has_front = !c.is(kNewline | kLetter | kNumber);
  const std::size_t next = pos + c.length;
  if constexpr (!style.cased) {
    if (has_front && s.at(next).is(style.letters)) return s.skip(next, style.letters);
    return s.skip(pos, style.letters);
  }
  if (has_front) {
    if (const std::size_t end = skip_rising<style>(s, next); end != next) return end;
  }
  if (const std::size_t end = skip_rising<style>(s, pos); end != pos) return end;
  if (has_front) {
    if (const std::size_t end = skip_falling<style>(s, next); end != next) return end;
  }
  return skip_falling<style>(s, pos);
}

template <Style style>
void words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    const Char c = s.at(pos);
    if (const std::size_t end = skip_word<style>(s, pos, c); end != pos)
      return style.contractions ? skip_contraction<true>(s, end) : end;
    if (c.is(kNumber)) {
      std::size_t end = pos + c.length;
      for (int i = 1; i < style.digits && s.at(end).is(kNumber); ++i) end += s.at(end).length;
      return end;
    }
    const std::size_t begin = c.code == ' ' ? pos + 1 : pos;
    const std::size_t end = s.skip_not(begin, kSpace | kLetter | kNumber);
    if (end != begin)
      return s.skip_while(end, [](const Char& x) { return x.is(kNewline) || x.code == '/'; });
    if (!c.is(kSpace)) return pos;
    if (const std::size_t e = space.to_last_newline(pos); e != pos) return e;
    if (const std::size_t e = space.not_before_word(pos); e != pos) return e;
    return space.run_end(pos);
  });
}

}  // namespace

void tekken_words(const Segment& s, Cuts& cuts) {
  words<Style{.digits = 1, .contractions = false}>(s, cuts);
}
void gpt4o_words(const Segment& s, Cuts& cuts) {
  words<Style{.digits = 3}>(s, cuts);
}
void granite_words(const Segment& s, Cuts& cuts) {
  words<Style{.letters = kLetter | kMark, .digits = 3}>(s, cuts);
}
void uncased_words(const Segment& s, Cuts& cuts) {
  words<Style{.letters = kLetter | kMark, .cased = false, .digits = 1}>(s, cuts);
}
void uncased_words_digits3(const Segment& s, Cuts& cuts) {
  words<Style{.letters = kLetter | kMark, .cased = false, .digits = 3}>(s, cuts);
}

}  // namespace llm::split
