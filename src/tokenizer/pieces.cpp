#include "tokenizer/pieces.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/bpe_variants.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/hex.h"
#include "tokenizer/rwkv.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

std::string one_byte(int byte) {
  return std::string(1, static_cast<char>(byte));
}

/// The byte of "<0xXX>"; nothing for a text without the two digits.
std::string byte_of(std::string_view text) {
  const int byte = text.size() < 5 ? -1 : hex_byte(text[3], text[4]);
  return byte < 0 ? std::string() : one_byte(byte);
}

/// From the alphabet of byte-level BPE. A character outside it is shown in the reference's way.
std::string unspelled(std::string_view text) {
  const ByteAlphabet& alphabet = ByteAlphabet::get();
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded d = unicode::decode(text, at);
    at += d.length;
    const int byte = alphabet.byte_of(d.code_point);
    if (byte >= 0) {
      out += static_cast<char>(byte);
      continue;
    }
    std::string utf8;
    utf8::append(utf8, d.code_point);
    out += "[UNK_BYTE_0x";
    for (const char c : utf8) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    out += text;
    out += ']';
  }
  return out;
}

/// The texts of six-letter tokens carry a mark that serves look-ups only.
std::string_view without_dna_suffix(const Vocabulary& v, TokenId token) {
  std::string_view text = v.texts[token];
  const TokenId out_of_vocabulary = v.find("<oov>");
  if (out_of_vocabulary != kNoToken && token > out_of_vocabulary &&
      text.ends_with(HybridDnaModel::kSuffix))
    text.remove_suffix(HybridDnaModel::kSuffix.size());
  return text;
}

}  // namespace

std::string piece_of(const Vocabulary& v, TokenId token, bool show_special) {
  if (v.kind == VocabKind::none) return {};
  if (!show_special && v.has(token, kUnknown | kControl)) return {};
  const std::string_view text =
      v.model == "hybriddna" ? without_dna_suffix(v, token) : std::string_view(v.texts[token]);
  if (v.kind == VocabKind::rwkv) return RwkvModel::unescaped(text);
  if (v.kind == VocabKind::plamo2) {
    const int byte = v.has(token, kByte) ? byte_token_value(text) : -1;
    return byte < 0 ? std::string(text) : one_byte(byte);
  }
  if (v.has(token, kUnknown | kControl | kUserDefined)) return std::string(text);
  if (v.has(token, kNormal)) {
    const bool byte_level = v.kind == VocabKind::bpe && !v.escape_spaces;
    return byte_level ? unspelled(text) : unescape_spaces(text);
  }
  return v.has(token, kByte) ? byte_of(text) : std::string();
}

namespace {

/// drops_space(at): the space just before `at`, which is not byte 0, goes.
template <class DropsSpace>
void drop_spaces(std::string& text, DropsSpace drops_space) {
  std::string out(1, text[0]);
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at - 1] == ' ' && drops_space(at)) out.pop_back();
    out += text[at];
  }
  text = std::move(out);
}

/// An apostrophe between two spaces loses both. The second space then does not count as the one
/// before a following apostrophe.
void join_lone_apostrophes(std::string& text) {
  std::string out(1, text[0]);
  // Position of a space that was dropped behind an apostrophe.
  std::size_t gone = std::string::npos;
  for (std::size_t at = 1; at < text.size(); ++at) {
    const bool lone = text[at] == '\'' && text[at - 1] == ' ' && at - 1 != gone &&
                      at + 1 < text.size() && text[at + 1] == ' ';
    if (lone) out.pop_back();
    out += text[at];
    if (lone) gone = ++at;
  }
  text = std::move(out);
}

}  // namespace

void clean_spaces(std::string& text) {
  if (text.empty()) return;
  const auto byte = [&](std::size_t at) { return at < text.size() ? text[at] : '\0'; };
  drop_spaces(text, [&](std::size_t at) {
    return text[at] == '?' || text[at] == '!' || text[at] == '.' || text[at] == ',';
  });
  join_lone_apostrophes(text);
  drop_spaces(text, [&](std::size_t at) {
    if (text[at] != '\'') return false;
    const char first = byte(at + 1), second = byte(at + 2);
    return first == 's' || first == 'm' || ((first == 'r' || first == 'v') && second == 'e');
  });
}

}  // namespace llm
