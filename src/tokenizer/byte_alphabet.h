// The alphabet of byte-level BPE: one printable character for each byte. Bytes that are printable
// in Latin-1 stand for themselves; the others, in ascending order, are U+0100, U+0101, ...
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm {

class ByteAlphabet {
 public:
  static const ByteAlphabet& get();

  /// UTF-8 of the character for `byte`, one or two bytes.
  std::string_view spelled(unsigned char byte) const {
    return {spelled_[byte].data(), lengths_[byte]};
  }
  std::string spell(std::string_view bytes) const;
  /// The byte that a character stands for, -1 for a character outside the alphabet.
  int byte_of(char32_t c) const { return c < bytes_.size() ? bytes_[c] : -1; }

 private:
  ByteAlphabet();
  std::array<std::array<char, 2>, 256> spelled_{};
  std::array<std::uint8_t, 256> lengths_{};
  std::array<std::int16_t, 0x144> bytes_{};
};

}  // namespace llm
