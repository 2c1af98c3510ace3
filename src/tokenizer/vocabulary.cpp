#include "tokenizer/vocabulary.h"

#include <fmt/format.h>

#include "base/error.h"

namespace llm {

TokenId Vocabulary::find_byte(unsigned char byte) const {
  return find(fmt::format("<0x{:02X}>", byte));
}

TokenId Vocabulary::need_unknown() const {
  if (special.unk == kNoToken) fail("the vocabulary has no unknown token, which the text needs");
  return special.unk;
}

std::string escape_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2 + 16);
  for (const char c : text) {
    if (c == ' ')
      out += kSpaceMark;
    else
      out += c;
  }
  return out;
}

std::string unescape_spaces(std::string_view text) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t mark = text.find(kSpaceMark, at);
    out += text.substr(at, mark - at);
    if (mark == std::string_view::npos) return out;
    out += ' ';
    at = mark + kSpaceMark.size();
  }
}

}  // namespace llm
