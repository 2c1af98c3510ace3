#include "tokenizer/byte_alphabet.h"

#include <algorithm>

#include "base/utf8.h"

namespace llm {

const ByteAlphabet& ByteAlphabet::get() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

ByteAlphabet::ByteAlphabet() {
  bytes_.fill(-1);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                           (byte >= 0xAE && byte <= 0xFF);
    const char32_t c = printable ? static_cast<char32_t>(byte) : next++;
    std::string utf8;
    utf8::append(utf8, c);
    std::copy(utf8.begin(), utf8.end(), spelled_[byte].begin());
    lengths_[byte] = static_cast<std::uint8_t>(utf8.size());
    bytes_[c] = static_cast<std::int16_t>(byte);
  }
}

std::string ByteAlphabet::spell(std::string_view bytes) const {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char byte : bytes) out += spelled(static_cast<unsigned char>(byte));
  return out;
}

}  // namespace llm
