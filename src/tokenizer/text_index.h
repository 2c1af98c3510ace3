// From a token's text to its id: open addressing over ids, texts stay where they are.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/token.h"

namespace llm {

/// Fast for short texts; the same on every machine of one byte order.
inline std::uint64_t hash_text(std::string_view text) {
  const auto mix = [](std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  constexpr std::uint64_t kFirst = 0x9E3779B97F4A7C15, kSecond = 0xD6E8FEB86659FD93;
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = left * kSecond ^ kFirst, word;
  for (; left >= 8; at += 8, left -= 8) {
    std::memcpy(&word, at, 8);
    hash = mix(hash ^ word, kFirst);
  }
  word = 0;
  std::memcpy(&word, at, left);
  return mix(hash ^ word, kSecond);
}

class TextIndex {
 public:
  /// `texts` must outlive the index and keep its texts. Returns the id of the first text that was
  /// there before under a smaller id, or kNoToken.
  TokenId build(const std::vector<std::string>& texts);
  TokenId find(std::string_view text) const;

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::int32_t token = kNoToken;
  };

  const std::vector<std::string>* texts_ = nullptr;
  std::vector<Slot> slots_;  // a power of two, at most half full
};

}  // namespace llm
