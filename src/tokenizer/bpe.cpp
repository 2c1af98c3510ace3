#include "tokenizer/bpe.h"

#include <bit>

#include "tokenizer/byte_alphabet.h"

namespace llm {

void MergeTable::reserve(std::size_t merges) {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(16, 2 * merges)), {});
}

std::size_t MergeTable::home(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
                             static_cast<std::uint32_t>(right);
  return (pair * 0x9E3779B97F4A7C15 >> 29) & (slots_.size() - 1);
}

void MergeTable::add(std::int32_t left, std::int32_t right, Join join) {
  std::size_t at = home(left, right);
  for (; slots_[at].left != -1; at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].left == left && slots_[at].right == right) return;
  slots_[at] = {left, right, join};
}

Join MergeTable::find(std::int32_t left, std::int32_t right) const {
  if (left < 0 || right < 0) return {};
  for (std::size_t at = home(left, right); slots_[at].left != -1;
       at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].left == left && slots_[at].right == right) return slots_[at].join;
  return {};
}

BpeModel::BpeModel(const Vocabulary& vocabulary, const std::vector<std::string>& merges)
    : vocabulary_(vocabulary), pre_(*vocabulary.pre) {
  add_merges(merges);
  make_byte_tables();
}

std::int32_t BpeModel::symbol_of(std::string_view text) const {
  if (const TokenId token = vocabulary_.find(text); token != kNoToken) return token;
  if (other_symbols_.empty()) return -1;
  const auto found = other_symbols_.find(std::string(text));
  return found == other_symbols_.end() ? -1 : found->second;
}

std::int32_t BpeModel::intern(std::string_view text) {
  if (const std::int32_t symbol = symbol_of(text); symbol != -1) return symbol;
  const auto symbol = static_cast<std::int32_t>(vocabulary_.texts.size() + other_symbols_.size());
  other_symbols_.emplace(text, symbol);
  return symbol;
}

void BpeModel::add_merges(const std::vector<std::string>& merges) {
  merges_.reserve(merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    // A left half may begin with a space.
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos) continue;
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    if (right.empty()) continue;
    joined.assign(left);
    joined += right;
    const std::int32_t left_symbol = intern(left), right_symbol = intern(right);
    merges_.add(left_symbol, right_symbol, {static_cast<std::uint32_t>(rank), intern(joined)});
  }
}

void BpeModel::make_byte_tables() {
  const ByteAlphabet& alphabet = ByteAlphabet::get();
  for (int b = 0; b < 256; ++b) {
    const auto byte = static_cast<unsigned char>(b);
    byte_tokens_[b] = {kNoToken, kNoToken};
    if (!pre_.byte_encode) {
      byte_tokens_[b][0] = vocabulary_.find_byte(byte);
      continue;
    }
    const std::string_view spelled = alphabet.spelled(byte);
    byte_symbols_[b] = symbol_of(spelled);
    for (std::size_t i = 0; i < spelled.size(); ++i)
      byte_tokens_[b][i] = vocabulary_.find(spelled.substr(i, 1));
  }
}

void BpeModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  std::string escaped, canonical;
  if (vocabulary_.escape_spaces) text = escaped = escape_spaces(text);
  if (!unicode::is_canonical(text)) text = canonical = unicode::canonical(text);
  split::Cuts cuts;
  pre_.split(text, cuts);
  WordCache& cache = WordCache::of(cache_owner_);
  std::size_t begin = 0;
  for (const std::uint32_t end : cuts) {
    const std::string_view word = text.substr(begin, end - begin);
    cache.encode(word, out, [&](std::vector<TokenId>& ids) { encode_word(word, ids); });
    begin = end;
  }
}

/// The token that a word is as a whole, where the pre-tokeniser wants that.
TokenId BpeModel::whole_word(std::string_view word) const {
  const bool wanted =
      pre_.ignore_merges || (pre_.newline_words && word.find_first_not_of('\n') == word.npos);
  if (!wanted) return kNoToken;
  return vocabulary_.find(pre_.byte_encode ? ByteAlphabet::get().spell(word) : std::string(word));
}

void BpeModel::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  if (const TokenId token = whole_word(word); token != kNoToken) return out.push_back(token);
  std::optional<Merger> fresh;
  Merger& merger = merger_for(word.size(), fresh);
  if (pre_.byte_encode) {
    for (std::uint32_t i = 0; i < word.size(); ++i)
      merger.symbols.push_back({i, i + 1, byte_symbols_[static_cast<unsigned char>(word[i])]});
  } else {
    append_characters(word, merger.symbols);
    for (MergeSymbol& s : merger.symbols) s.id = symbol_of(word.substr(s.begin, s.end - s.begin));
  }
  merger.run([&](const MergeSymbol& left, const MergeSymbol& right) {
    return merges_.find(left.id, right.id);
  });
  for (const MergeSymbol& symbol : merger.symbols) {
    if (vocabulary_.is_valid(symbol.id))
      out.push_back(symbol.id);
    else
      emit_bytes(word.substr(symbol.begin, symbol.end - symbol.begin), out);
  }
}

/// Bytes without a token are dropped, as in the reference.
void BpeModel::emit_bytes(std::string_view bytes, std::vector<TokenId>& out) const {
  for (const char byte : bytes)
    for (const TokenId token : byte_tokens_[static_cast<unsigned char>(byte)])
      if (token != kNoToken) out.push_back(token);
}

}  // namespace llm
