// The normalisation table of unigram vocabularies (tokenizer.ggml.precompiled_charsmap): sequences
// of bytes and what replaces them, as SentencePiece stores it.
//
// Layout: the size of a trie in bytes (u32, little endian), the trie, and replacement strings that
// end with a NUL each. The trie is a double array (Aoe 1989) of 32-bit units in the packing of
// darts-clone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm {

class CharacterMap {
 public:
  /// Replaces nothing.
  CharacterMap() = default;
  /// Throws Error when any text could lead outside of the table.
  explicit CharacterMap(std::string_view blob);

  struct Match {
    std::size_t length = 0;  // bytes of the text, 0: nothing to replace here
    std::string_view replacement;
  };
  /// The longest entry that stands at `at`.
  Match longest(std::string_view text, std::size_t at) const;

 private:
  void check_trie() const;

  std::vector<std::uint32_t> units_;
  std::string strings_;  // ends with a NUL unless empty
};

}  // namespace llm
