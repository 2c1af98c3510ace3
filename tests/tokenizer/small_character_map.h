// Builds a precompiled_charsmap: every node of the trie gets a block of 256 units to itself, which
// is wasteful and simple.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace llm::test {

class SmallCharacterMap {
 public:
  SmallCharacterMap& add(const std::string& from, const std::string& to) {
    entries_[from] = to;
    return *this;
  }

  std::string blob() const {
    std::string strings;
    std::vector<std::uint32_t> units;
    const std::uint32_t root = new_block(units);
    units[0] = (root ^ 0) << 10;
    std::map<std::string, std::uint32_t> block_of = {{"", root}};
    for (const auto& entry : entries_) {
      const std::string& from = entry.first;
      for (std::size_t length = 1; length <= from.size(); ++length) {
        const std::string prefix = from.substr(0, length);
        if (block_of.contains(prefix)) continue;
        const auto label = static_cast<unsigned char>(prefix.back());
        const std::uint32_t at = block_of[prefix.substr(0, length - 1)] ^ label;
        const std::uint32_t block = block_of[prefix] = new_block(units);
        units[at] = label | (at ^ block) << 10;
        if (!entries_.contains(prefix)) continue;
        units[at] |= 0x100;
        units[block] = static_cast<std::uint32_t>(strings.size()) | 0x80000000;
        strings += entries_.at(prefix) + '\0';
      }
    }
    std::string out = little_endian(static_cast<std::uint32_t>(4 * units.size()));
    for (const std::uint32_t unit : units) out += little_endian(unit);
    return out + strings;
  }

  static std::string little_endian(std::uint32_t value) {
    std::string bytes;
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xFF);
    return bytes;
  }

 private:
  /// The first block begins behind the unit that leads to the root.
  static std::uint32_t new_block(std::vector<std::uint32_t>& units) {
    const std::size_t begin = units.empty() ? 256 : units.size();
    units.resize(begin + 256);
    return static_cast<std::uint32_t>(begin);
  }
  std::map<std::string, std::string> entries_;
};

}  // namespace llm::test
