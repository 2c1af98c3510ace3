#include "tokenizer/split/rules.h"
#include "tokenizer/split/whitespace.h"

namespace llm::split {
namespace {

bool is_ascii_letter(int c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_ascii_punctuation(int c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

}  // namespace

// [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
void deepseek_v3_words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  constexpr std::uint8_t kLetters = kLetter | kMark, kSigns = kPunctuation | kSymbol;
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    const Char c = s.at(pos);
    if (is_ascii_punctuation(s.byte(pos)) && is_ascii_letter(s.byte(pos + 1))) {
      std::size_t end = pos + 2;
      while (is_ascii_letter(s.byte(end))) ++end;
      return end;
    }
    const std::size_t next = pos + c.length;
    if (!c.is(kNewline | kLetter | kSigns) && s.at(next).is(kLetters))
      return s.skip(next, kLetters);
    if (c.is(kLetters)) return s.skip(pos, kLetters);
    const std::size_t begin = c.code == ' ' ? pos + 1 : pos;
    const std::size_t end = s.skip(begin, kSigns);
    if (end != begin) return s.skip(end, kNewline);
    if (!c.is(kSpace)) return pos;
    if (const std::size_t e = space.to_last_newline(pos); e != pos) return e;
    if (const std::size_t e = space.not_before_word(pos); e != pos) return e;
    return space.run_end(pos);
  });
}

}  // namespace llm::split
