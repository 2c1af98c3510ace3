#include <algorithm>
#include <string_view>

#include "tokenizer/split/rules.h"

namespace llm::split {
namespace {

template <class Accepted>
void cut_runs(const Segment& s, Cuts& cuts, Accepted accepted) {
  cut_matches(s, cuts, [&](std::size_t pos) { return s.skip_while(pos, accepted); });
}

template <class Accepted>
void cut_singles(const Segment& s, Cuts& cuts, Accepted accepted) {
  cut_matches(s, cuts, [&](std::size_t pos) {
    const Char c = s.at(pos);
    return accepted(c) ? pos + c.length : pos;
  });
}

/// \s?CLASS+
void cut_spaced(const Segment& s, Cuts& cuts, std::uint8_t mask) {
  cut_matches(s, cuts, [&](std::size_t pos) {
    const Char c = s.at(pos);
    const std::size_t begin = c.is(kSpace) ? pos + c.length : pos;
    const std::size_t end = s.skip(begin, mask);
    return end == begin ? pos : end;
  });
}

bool is_ascii_digit(int c) {
  return c >= '0' && c <= '9';
}

bool is_listed_sign(const Char& c) {
  return c.is(kPunctuation) ||
         (c.code < 0x80 &&
          std::string_view("$+<=>^~|").find(static_cast<char>(c.code)) != std::string_view::npos);
}

}  // namespace

void single_newline(const Segment& s, Cuts& cuts) {
  cut_singles(s, cuts, [](const Char& c) { return c.is(kNewline); });
}

void lines(const Segment& s, Cuts& cuts) {
  cut_matches(s, cuts, [&](std::size_t pos) {
    const bool newlines = s.byte(pos) == '\n';
    while (pos < s.end && (s.byte(pos) == '\n') == newlines) ++pos;
    return pos;
  });
}

void single_number(const Segment& s, Cuts& cuts) {
  cut_singles(s, cuts, [](const Char& c) { return c.is(kNumber); });
}

void numbers(const Segment& s, Cuts& cuts) {
  cut_runs(s, cuts, [](const Char& c) { return c.is(kNumber); });
}

void numbers_up_to_three(const Segment& s, Cuts& cuts) {
  cut_matches(s, cuts, [&](std::size_t pos) {
    for (int i = 0; i < 3 && s.at(pos).is(kNumber); ++i) pos += s.at(pos).length;
    return pos;
  });
}

void three_ascii_digits(const Segment& s, Cuts& cuts) {
  cut_matches(s, cuts, [&](std::size_t pos) {
    const bool all = is_ascii_digit(s.byte(pos)) && is_ascii_digit(s.byte(pos + 1)) &&
                     is_ascii_digit(s.byte(pos + 2));
    return all ? pos + 3 : pos;
  });
}

void digit_groups_from_end(const Segment& s, Cuts& cuts) {
  std::size_t done = s.begin;
  for (std::size_t pos = s.begin; pos < s.end;) {
    if (!s.at(pos).is(kNumber)) {
      pos += s.at(pos).length;
      continue;
    }
    std::size_t left = 0;  // characters of the run from `pos` on
    for (std::size_t p = pos; s.at(p).is(kNumber); p += s.at(p).length) ++left;
    while (left > 0) {
      pos += s.at(pos).length;
      if (--left % 3 == 0) cuts.push_back(static_cast<std::uint32_t>(done = pos));
    }
  }
  if (done < s.end) cuts.push_back(static_cast<std::uint32_t>(s.end));
}

void cut_ascii_digits_by_three(const Segment& s, Cuts& cuts) {
  for (std::size_t pos = s.begin; pos < s.end;) {
    std::size_t run_end = pos;
    while (is_ascii_digit(s.byte(run_end))) ++run_end;
    for (; pos < run_end; ++pos)
      if ((run_end - pos) % 3 == 0 && pos > s.begin)
        cuts.push_back(static_cast<std::uint32_t>(pos));
    while (pos < s.end && !is_ascii_digit(s.byte(pos))) ++pos;
  }
  cuts.push_back(static_cast<std::uint32_t>(s.end));
}

void non_space(const Segment& s, Cuts& cuts) {
  cut_runs(s, cuts, [](const Char& c) { return !c.is(kSpace); });
}

void trailing_space(const Segment& s, Cuts& cuts) {
  std::size_t begin = s.end;
  while (begin > s.begin && s.at(s.before(begin)).is(kSpace)) begin = s.before(begin);
  if (begin > s.begin) cuts.push_back(static_cast<std::uint32_t>(begin));
  if (begin < s.end) cuts.push_back(static_cast<std::uint32_t>(s.end));
}

void spaced_letters(const Segment& s, Cuts& cuts) {
  cut_spaced(s, cuts, kLetter);
}
void spaced_punctuation(const Segment& s, Cuts& cuts) {
  cut_spaced(s, cuts, kPunctuation);
}

void falcon_punctuation(const Segment& s, Cuts& cuts) {
  cut_runs(s, cuts, [](const Char& c) { return is_listed_sign(c) || c.code == '`'; });
}

void default_punctuation(const Segment& s, Cuts& cuts) {
  cut_runs(s, cuts, is_listed_sign);
}

void single_punctuation(const Segment& s, Cuts& cuts) {
  cut_singles(s, cuts, [](const Char& c) {
    return c.is(kPunctuation) || (c.code >= '!' && c.code <= '/') ||
           (c.code >= ':' && c.code <= '@') || (c.code >= '[' && c.code <= '`') ||
           (c.code >= '{' && c.code <= '~');
  });
}

void bloom_words(const Segment& s, Cuts& cuts) {
  const auto is_stop = [](const Char& c) {
    constexpr std::u32string_view kStops = U"(|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)";
    return c.is(kSpace) || kStops.find(c.code) != std::u32string_view::npos;
  };
  cut_matches(s, cuts, [&](std::size_t pos) {
    const std::size_t begin = s.byte(pos) == ' ' ? pos + 1 : pos;
    const std::size_t end = s.skip_while(begin, [&](const Char& c) { return !is_stop(c); });
    return end == begin ? pos : end;
  });
}

void chameleon_sentinel(const Segment& s, Cuts& cuts) {
  constexpr std::string_view kHead = "<sentinel:";
  cut_matches(s, cuts, [&](std::size_t pos) {
    if (!s.starts_with(pos, kHead)) return pos;
    std::size_t end = pos + kHead.size();
    while (is_ascii_digit(s.byte(end))) ++end;
    return end > pos + kHead.size() && s.byte(end) == '>' ? end + 1 : pos;
  });
}

void chameleon_image(const Segment& s, Cuts& cuts) {
  constexpr std::string_view kHead = "IMGIMG";
  cut_matches(s, cuts, [&](std::size_t pos) {
    if (!s.starts_with(pos, kHead)) return pos;
    const std::size_t begin = pos + kHead.size();
    std::size_t end = begin;
    while (end < begin + 4 && s.byte(end) >= 'A' && s.byte(end) <= 'I') ++end;
    return end > begin && s.byte(end) == 'Z' ? end + 1 : pos;
  });
}

void chameleon_blanks(const Segment& s, Cuts& cuts) {
  cut_matches(s, cuts, [&](std::size_t pos) {
    if (s.byte(pos) == '\t' || s.byte(pos) == '\n') return pos + 1;
    if (s.starts_with(pos, "    ")) return pos + 4;
    return s.starts_with(pos, "  ") ? pos + 2 : pos;
  });
}

}  // namespace llm::split
