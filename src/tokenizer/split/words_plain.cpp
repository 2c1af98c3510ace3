#include "tokenizer/split/contraction.h"
#include "tokenizer/split/rules.h"
#include "tokenizer/split/whitespace.h"

namespace llm::split {

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)
void gpt2_words(const Segment& s, Cuts& cuts) {
  WhiteSpace space(s);
  cut_matches(s, cuts, [&](std::size_t pos) -> std::size_t {
    if (const std::size_t end = skip_contraction<false>(s, pos); end != pos) return end;
    const std::size_t word = s.byte(pos) == ' ' ? pos + 1 : pos;
    const Char c = s.at(word);
    if (c.is(kLetter)) return s.skip(word + c.length, kLetter);
    if (c.is(kNumber)) return s.skip(word + c.length, kNumber);
    if (c.length != 0 && !c.is(kSpace))
      return s.skip_not(word + c.length, kSpace | kLetter | kNumber);
    return space.not_before_word(pos);
  });
}

}  // namespace llm::split
