// Pre-tokenisers: how a BPE vocabulary's name in tokenizer.ggml.pre cuts text into words, and what
// else the name implies.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/split/rules.h"

namespace llm {

class PreTokenizer {
 public:
  /// Null for an unknown name.
  static const PreTokenizer* find(std::string_view name);
  /// All rows, for tests.
  static std::span<const PreTokenizer> all();

  /// Ends of the words of canonical UTF-8 text, ascending, the last one text.size(). Empty text has
  /// no words. `cuts` is overwritten; text may have up to 2^32 - 1 bytes.
  void split(std::string_view text, split::Cuts& cuts) const;

  // A row of the table; the fields are facts of the reference.
  std::vector<std::string_view> names;
  std::vector<split::Rule> rules;  // each cuts the words of the one before
  bool byte_encode = true;         // words are spelled in the 256-letter alphabet of GPT-2
  bool add_bos = false, add_sep = false, default_bos = true, force_bos = false;
  bool ignore_merges = false;  // a word that is a token needs no merges
  bool clean_spaces = true, escape_spaces = false;
  bool newline_words = false;  // words of newlines that are tokens need no merges
  bool needs_merges = true;
};

}  // namespace llm
