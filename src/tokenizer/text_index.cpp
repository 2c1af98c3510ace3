#include "tokenizer/text_index.h"

#include <algorithm>
#include <bit>

namespace llm {

TokenId TextIndex::build(const std::vector<std::string>& texts) {
  texts_ = &texts;
  slots_.assign(std::bit_ceil(std::max<std::size_t>(16, 2 * texts.size())), {});
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t id = 0; id < texts.size(); ++id) {
    const std::uint64_t hash = hash_text(texts[id]);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & mask;
    for (; slots_[at].token != kNoToken; at = (at + 1) & mask)
      if (slots_[at].tag == tag && texts[slots_[at].token] == texts[id])
        return static_cast<TokenId>(id);
    slots_[at] = {tag, static_cast<TokenId>(id)};
  }
  return kNoToken;
}

TokenId TextIndex::find(std::string_view text) const {
  if (slots_.empty()) return kNoToken;
  const std::uint64_t hash = hash_text(text);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].token != kNoToken; at = (at + 1) & mask)
    if (slots_[at].tag == tag && (*texts_)[slots_[at].token] == text) return slots_[at].token;
  return kNoToken;
}

}  // namespace llm
