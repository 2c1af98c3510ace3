#include "tokenizer/wpm.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

/// Characters that are words of their own. The ranges are the reference's, 2B920 included.
bool is_chinese(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
      {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::vector<ByteTrie::Key> all_texts(const Vocabulary& vocabulary) {
  std::vector<ByteTrie::Key> keys;
  keys.reserve(vocabulary.texts.size());
  for (TokenId token = 0; token < vocabulary.size(); ++token)
    keys.push_back({vocabulary.texts[token], token});
  return keys;
}

}  // namespace

WpmModel::WpmModel(const Vocabulary& vocabulary)
    : vocabulary_(vocabulary), tokens_(all_texts(vocabulary)) {
  for (char32_t c = 0; c < ascii_.size(); ++c) ascii_[c] = letter_of(c);
}

WpmModel::Letter WpmModel::letter_of(char32_t c) const {
  if (vocabulary_.strip_accents) c = unicode::decomposition_start(c);
  if (unicode::is_white_space(c)) return {Effect::end_word, c};
  const char category = unicode::category(c);
  if (c == 0 || c == unicode::kReplacement || category == 'C') return {Effect::drop, c};
  if (vocabulary_.strip_accents && category == 'M') return {Effect::drop, c};
  const bool alone = category == 'P' || (category == 'S' && c < 0x7F) || is_chinese(c);
  return {alone ? Effect::stand_alone : Effect::append,
          vocabulary_.lowercase ? unicode::to_lower(c) : c};
}

void WpmModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  WordCache& cache = WordCache::of(cache_owner_);
  // Tokens that begin a word carry the mark in front.
  std::string word(kSpaceMark);
  const auto flush = [&] {
    if (word.size() == kSpaceMark.size()) return;
    cache.encode(word, out, [&](std::vector<TokenId>& ids) { encode_word(word, ids); });
    word.resize(kSpaceMark.size());
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    Letter letter;
    if (byte < 0x80) {
      letter = ascii_[byte];
      ++at;
    } else {
      const unicode::Decoded d = unicode::decode(text, at);
      letter = letter_of(d.code_point);
      at += d.length;
    }
    if (letter.effect == Effect::drop) continue;
    if (letter.effect != Effect::append) flush();
    if (letter.effect == Effect::end_word) continue;
    utf8::append(word, letter.as);
    if (letter.effect == Effect::stand_alone) flush();
  }
  flush();
}

/// A word with a part that is no token is unknown as a whole.
void WpmModel::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  const std::size_t before = out.size();
  for (std::size_t at = 0; at < word.size();) {
    const ByteTrie::Match match = tokens_.longest(word, at);
    if (match.length == 0) {
      out.resize(before);
      out.push_back(vocabulary_.need_unknown());
      return;
    }
    out.push_back(match.value);
    at += match.length;
  }
}

}  // namespace llm
