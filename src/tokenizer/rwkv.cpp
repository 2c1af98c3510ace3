#include "tokenizer/rwkv.h"

#include "tokenizer/hex.h"

namespace llm {
namespace {

ByteTrie trie_of(const Vocabulary& vocabulary) {
  std::vector<std::string> texts;
  texts.reserve(vocabulary.texts.size());
  std::vector<ByteTrie::Key> keys;
  for (const std::string& text : vocabulary.texts) {
    texts.push_back(RwkvModel::unescaped(text));
    keys.push_back({texts.back(), static_cast<TokenId>(keys.size())});
  }
  return ByteTrie(std::move(keys));
}

}  // namespace

RwkvModel::RwkvModel(const Vocabulary& vocabulary)
    : vocabulary_(vocabulary), tokens_(trie_of(vocabulary)) {}

std::string RwkvModel::unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      if (text[at] != '\\') out += text[at];
      continue;
    }
    const char c = text[++at];
    const int byte = c == 'x' && at + 2 < text.size() ? hex_byte(text[at + 1], text[at + 2]) : -1;
    if (byte >= 0) {
      out += static_cast<char>(byte);
      at += 2;
    } else {
      out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
    }
  }
  return out;
}

void RwkvModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  for (std::size_t at = 0; at < text.size();) {
    const ByteTrie::Match match = tokens_.longest(text, at);
    if (match.length > 0)
      out.push_back(match.value);
    else if (vocabulary_.special.unk != kNoToken)
      out.push_back(vocabulary_.special.unk);
    at += match.length > 0 ? match.length : 1;
  }
}

}  // namespace llm
