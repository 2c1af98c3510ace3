#include "tokenizer/spm.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "tokenizer/merge.h"

namespace llm {
namespace {

/// Grows as the score falls. Never Join::kNever: that would be a NaN, which goes last but one.
std::uint32_t priority_of(float score) {
  if (score != score) return Join::kNever - 1;
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 counts as 0
  const std::uint32_t ascending = bits & 0x80000000 ? ~bits : bits | 0x80000000;
  return std::min(~ascending, Join::kNever - 1);
}

}  // namespace

SpmModel::SpmModel(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {
  for (int byte = 0; byte < 256; ++byte) {
    byte_tokens_[byte] = vocabulary.find_byte(static_cast<unsigned char>(byte));
    const char text = static_cast<char>(byte);
    if (byte_tokens_[byte] == kNoToken) byte_tokens_[byte] = vocabulary.find({&text, 1});
  }
  for (TokenId token = 0; token < vocabulary.size(); ++token) {
    const std::string& text = vocabulary.texts[token];
    priorities_.push_back(priority_of(vocabulary.scores[token]));
    longest_token_ = std::max(longest_token_, text.size());
    for (std::size_t at = text.find(kSpaceMark, 1); at != std::string::npos;
         at = text.find(kSpaceMark, at + 1))
      joins_space_[static_cast<unsigned char>(text[at - 1])] = true;
  }
}

// No token reaches over a space mark and a byte before it that never stands there inside a token:
// joins on both sides cannot meet, so the chunks between such places are independent. What remains
// is words, which repeat.
void SpmModel::encode(std::string_view text, std::vector<TokenId>& out) const {
  std::string escaped = vocabulary_.add_space_prefix ? std::string(kSpaceMark) : std::string();
  escaped += escape_spaces(text);
  WordCache& cache = WordCache::of(cache_owner_);
  const std::string_view all = escaped;
  std::size_t chunk = 0;
  const auto flush = [&](std::size_t end) {
    const std::string_view word = all.substr(chunk, end - chunk);
    cache.encode(word, out, [&](std::vector<TokenId>& ids) { encode_chunk(word, ids); });
    chunk = end;
  };
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t length = unicode::announced_length(all[at]);
    if (at > chunk && length == 3 && all.substr(at, 3) == kSpaceMark &&
        !joins_space_[static_cast<unsigned char>(all[at - 1])])
      flush(at);
    at += length;
  }
  if (chunk < all.size()) flush(all.size());
}

void SpmModel::encode_chunk(std::string_view chunk, std::vector<TokenId>& out) const {
  std::optional<Merger> fresh;
  Merger& merger = merger_for(chunk.size(), fresh);
  append_characters(chunk, merger.symbols);
  merger.run([&](const MergeSymbol& left, const MergeSymbol& right) -> Join {
    const std::size_t length = right.end - left.begin;
    if (length > longest_token_) return {};
    const TokenId token = vocabulary_.find(chunk.substr(left.begin, length));
    if (token == kNoToken) return {};
    return {priorities_[token], token};
  });
  for (const MergeSymbol& symbol : merger.symbols) {
    const std::string_view text = chunk.substr(symbol.begin, symbol.end - symbol.begin);
    const TokenId token = symbol.id != -1 ? symbol.id : vocabulary_.find(text);
    if (token != kNoToken) {
      out.push_back(token);
      continue;
    }
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte_tokens_[byte] == kNoToken)
        fail("the vocabulary has no token for the byte 0x{:02X}, which the text needs", byte);
      out.push_back(byte_tokens_[byte]);
    }
  }
}

}  // namespace llm
