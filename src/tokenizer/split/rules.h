// The expressions that pre-tokenisers are made of, as hand-written scanners. Each cuts one segment
// into words; a pre-tokeniser applies several one after the other (pretokenizer.cpp has the lists
// and says which expression each scanner stands for).
// All run in linear time and constant stack: user text of megabytes without a space is possible.
#pragma once

#include "tokenizer/split/segment.h"

namespace llm::split {

using Rule = void (*)(const Segment&, Cuts&);

// words_plain.cpp: the expression of GPT-2.
void gpt2_words(const Segment&, Cuts&);

// words_contraction.cpp: contraction | letters with one character in front | digits | punctuation
// with newlines behind | white space. The names say what the family members do differently.
void llama3_words(const Segment&, Cuts&);       // up to three digits
void qwen2_words(const Segment&, Cuts&);        // single digits
void qwen35_words(const Segment&, Cuts&);       // marks count as letters
void jais2_words(const Segment&, Cuts&);        // white space in powers of two
void long_number_words(const Segment&, Cuts&);  // digits without limit
void seed_coder_words(const Segment&, Cuts&);   // newlines stay out of punctuation
void exaone_moe_words(const Segment&, Cuts&);   // letters joined by single spaces
void kimi_words(const Segment&, Cuts&);         // Han runs apart

// words_case.cpp: letters cut where lower case turns to upper case.
void tekken_words(const Segment&, Cuts&);   // single digits, no contractions
void gpt4o_words(const Segment&, Cuts&);    // up to three digits
void granite_words(const Segment&, Cuts&);  // marks count as letters
void uncased_words(const Segment&, Cuts&);  // single digits, case does not matter
void uncased_words_digits3(const Segment&, Cuts&);

// words_deepseek.cpp: punctuation glued to the ASCII letters behind it.
void deepseek_v3_words(const Segment&, Cuts&);

// runs.cpp: single classes.
void single_newline(const Segment&, Cuts&);             // [\r\n]
void lines(const Segment&, Cuts&);                      // [^\n]+|[\n]+
void single_number(const Segment&, Cuts&);              // \p{N}
void numbers(const Segment&, Cuts&);                    // \p{N}+
void numbers_up_to_three(const Segment&, Cuts&);        // \p{N}{1,3}
void three_ascii_digits(const Segment&, Cuts&);         // [0-9][0-9][0-9]
void digit_groups_from_end(const Segment&, Cuts&);      // groups of three, text before stays joined
void cut_ascii_digits_by_three(const Segment&, Cuts&);  // (?=(\d{3})+(?!\d))
void non_space(const Segment&, Cuts&);                  // \S+
void trailing_space(const Segment&, Cuts&);             // \s+$
void spaced_letters(const Segment&, Cuts&);             // \s?\p{L}+
void spaced_punctuation(const Segment&, Cuts&);         // \s?\p{P}+
void falcon_punctuation(const Segment&, Cuts&);         // [\p{P}\$\+<=>\^~\|`]+
void default_punctuation(const Segment&, Cuts&);        // the same without the backtick
void single_punctuation(const Segment&, Cuts&);         // [\p{P}!-/:-@\[-`{-~]
void bloom_words(const Segment&, Cuts&);                // " ?" and no punctuation of some scripts
void chameleon_sentinel(const Segment&, Cuts&);         // <sentinel:[0-9]+>
void chameleon_image(const Segment&, Cuts&);            // (IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z
void chameleon_blanks(const Segment&, Cuts&);           // ([\t\n]|    |  )

// scripts.cpp: runs of characters given as code points.
void spaced_alphabetic(const Segment&, Cuts&);  // letters of alphabets with case
void spaced_listed_punctuation(const Segment&, Cuts&);
void cjk_wide(const Segment&, Cuts&);  // 0800-9FA5 and Hangul
void cjk_kana(const Segment&, Cuts&);
void youtu_scripts(const Segment&, Cuts&);
void afmoe_scripts(const Segment&, Cuts&);

}  // namespace llm::split
