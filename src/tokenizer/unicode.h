// Unicode facts that vocabularies depend on, and the reference's lenient reading of UTF-8.
// The tables are of a Unicode version later than the system's libraries know, and tokens depend on
// it: so they are kept here (unicode_table.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm::unicode {

inline constexpr char32_t kMaxCodePoint = 0x10FFFF;
inline constexpr char32_t kReplacement = 0xFFFD;

/// First letter of the general category: L M N P S Z C, or 'n' for unassigned.
char category(char32_t c);
/// White space as pre-tokenisers understand \s; not the category Z.
bool is_white_space(char32_t c);
/// Simple lower-case mapping.
char32_t to_lower(char32_t c);
/// The first character of the canonical decomposition (NFD); most characters are their own.
char32_t decomposition_start(char32_t c);

/// Calls visit(first, last, category) for every range, ascending, without gaps.
template <class Visit>
void for_each_category_range(Visit visit);

/// Length of the sequence that a lead byte announces, nothing validated: 1 for continuation bytes.
inline std::size_t announced_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xC0) return 1;
  return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

struct Decoded {
  char32_t code_point;
  std::size_t length;
};

/// Shape is checked, value is not: overlong forms and surrogates count as what they encode.
/// Anything else, and values above U+10FFFF, is U+FFFD for one byte. at < text.size().
Decoded decode(std::string_view text, std::size_t at);

/// True when decoding and encoding again changes nothing.
bool is_canonical(std::string_view text);
/// The text decoded and encoded again: invalid bytes become U+FFFD, overlong forms short.
std::string canonical(std::string_view text);

namespace table {
struct Category {
  std::uint32_t first : 24;
  std::uint32_t letter : 8;
};
struct Lower {
  char32_t upper, lower;
};
struct Decomposition {
  char32_t first, last, start;
};
extern const Category kCategories[];  // sorted by first; each lasts until the next
extern const std::size_t kCategoryCount;
extern const Lower kLower[];  // sorted by upper
extern const std::size_t kLowerCount;
extern const Decomposition kDecompositions[];  // sorted by first; ranges do not overlap
extern const std::size_t kDecompositionCount;
}  // namespace table

template <class Visit>
void for_each_category_range(Visit visit) {
  for (std::size_t i = 0; i < table::kCategoryCount; ++i) {
    const char32_t last =
        i + 1 < table::kCategoryCount ? table::kCategories[i + 1].first - 1u : kMaxCodePoint;
    visit(static_cast<char32_t>(table::kCategories[i].first), last,
          static_cast<char>(table::kCategories[i].letter));
  }
}

}  // namespace llm::unicode
