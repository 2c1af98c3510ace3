#include "tokenizer/character_map.h"

#include "base/error.h"

namespace llm {
namespace {

constexpr const char* kKey = "tokenizer.ggml.precompiled_charsmap";

// Fields of a unit.
std::uint32_t offset_of(std::uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200) >> 6);
}
std::uint32_t label_of(std::uint32_t unit) {
  return unit & 0x800000FF;
}
bool has_value(std::uint32_t unit) {
  return (unit & 0x100) != 0;
}
std::uint32_t value_of(std::uint32_t unit) {
  return unit & 0x7FFFFFFF;
}

std::uint32_t read_u32(std::string_view blob, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(blob[at + i]);
  return value;
}

}  // namespace

CharacterMap::CharacterMap(std::string_view blob) {
  if (blob.empty()) return;
  if (blob.size() < 4) fail("{} has {} bytes, too few for its size field", kKey, blob.size());
  const std::size_t size = read_u32(blob, 0);
  if (size + 4 >= blob.size() || size % 4 != 0 || size == 0)
    fail("{} of {} bytes says that its trie has {}", kKey, blob.size(), size);
  units_.reserve(size / 4);
  for (std::size_t at = 4; at < size + 4; at += 4) units_.push_back(read_u32(blob, at));
  strings_ = blob.substr(size + 4);
  if (strings_.back() != '\0') fail("{}: the last replacement does not end", kKey);
  check_trie();
}

/// Follows every way that a text could take. Ways may meet, even in circles, in a table that was
/// not built but made up, so each place is looked at once.
void CharacterMap::check_trie() const {
  std::vector<bool> seen(units_.size());
  std::vector<std::size_t> open;
  const auto visit = [&](std::size_t base) {
    if (base >= units_.size()) fail("{}: the trie leads outside of itself", kKey);
    if (!seen[base]) open.push_back(base);
    seen[base] = true;
  };
  visit(offset_of(units_[0]));
  while (!open.empty()) {
    const std::size_t base = open.back();
    open.pop_back();
    for (std::uint32_t byte = 1; byte < 256; ++byte) {
      const std::size_t at = base ^ byte;
      if (at >= units_.size()) fail("{}: the trie leads outside of itself", kKey);
      if (label_of(units_[at]) != byte) continue;
      const std::size_t next = at ^ offset_of(units_[at]);
      visit(next);
      if (has_value(units_[at]) && value_of(units_[next]) >= strings_.size())
        fail("{}: a replacement lies outside of the strings", kKey);
    }
  }
}

CharacterMap::Match CharacterMap::longest(std::string_view text, std::size_t start) const {
  Match match;
  if (units_.empty()) return match;
  std::uint32_t found = 0;
  // check_trie() has been everywhere that this can go.
  std::size_t at = offset_of(units_[0]);
  for (std::size_t end = start; end < text.size() && text[end] != '\0';) {
    const auto byte = static_cast<unsigned char>(text[end]);
    at ^= byte;
    const std::uint32_t unit = units_[at];
    if (label_of(unit) != byte) break;
    at ^= offset_of(unit);
    ++end;
    if (!has_value(unit)) continue;
    match.length = end - start;
    found = value_of(units_[at]);
  }
  if (match.length > 0) match.replacement = strings_.c_str() + found;
  return match;
}

}  // namespace llm
