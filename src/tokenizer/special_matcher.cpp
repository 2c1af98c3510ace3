#include "tokenizer/special_matcher.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "tokenizer/vocabulary.h"

namespace llm {
namespace {

bool is_strippable(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// The text that no token has been cut out of yet, as [begin, end) by begin.
class FreeText {
 public:
  explicit FreeText(std::size_t size) {
    if (size > 0) spans_[0] = size;
  }
  /// Cuts [begin, end) out, and the white space beside it where asked for; false when not all of it
  /// is free.
  bool take(std::string_view text, std::size_t begin, std::size_t end, bool strip_left,
            bool strip_right) {
    auto span = spans_.upper_bound(begin);
    if (span == spans_.begin()) return false;
    --span;
    if (end > span->second) return false;
    std::size_t left_end = begin, right_begin = end;
    const std::size_t right_end = span->second;
    while (strip_left && left_end > span->first && is_strippable(text[left_end - 1])) --left_end;
    while (strip_right && right_begin < right_end && is_strippable(text[right_begin]))
      ++right_begin;
    if (left_end > span->first)
      span->second = left_end;
    else
      spans_.erase(span);
    if (right_begin < right_end) spans_[right_begin] = right_end;
    return true;
  }
  const std::map<std::size_t, std::size_t>& spans() const { return spans_; }

 private:
  std::map<std::size_t, std::size_t> spans_;
};

}  // namespace

SpecialMatcher::SpecialMatcher(const Vocabulary& vocabulary, const std::vector<TokenId>& tokens)
    : vocabulary_(vocabulary), token_at_(1, kNoToken) {
  for (const TokenId token : tokens) {
    const std::string& text = vocabulary.texts[token];
    std::uint32_t node = 0;
    for (const char c : text) {
      const std::uint64_t edge = std::uint64_t{node} << 8 | static_cast<unsigned char>(c);
      const auto [found, is_new] = edges_.try_emplace(edge, token_at_.size());
      if (is_new) token_at_.push_back(kNoToken);
      node = found->second;
    }
    token_at_[node] = token;
    begins_[static_cast<unsigned char>(text[0])] = true;
    has_user_defined_ |= !vocabulary.has(token, kControl | kUnknown);
  }
}

std::vector<SpecialMatcher::Occurrence> SpecialMatcher::find_all(std::string_view text,
                                                                 bool parse_special) const {
  std::vector<Occurrence> found;
  if (!parse_special && !has_user_defined_) return found;
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    if (!begins_[static_cast<unsigned char>(text[begin])]) continue;
    std::uint32_t node = 0;
    for (std::size_t at = begin; at < text.size(); ++at) {
      const auto edge =
          edges_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[at]));
      if (edge == edges_.end()) break;
      node = edge->second;
      const TokenId token = token_at_[node];
      if (token == kNoToken) continue;
      if (!parse_special && vocabulary_.has(token, kControl | kUnknown)) continue;
      found.push_back(
          {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at + 1 - begin), token});
    }
  }
  return found;
}

std::vector<Fragment> SpecialMatcher::cut(std::string_view text, bool parse_special) const {
  std::vector<Occurrence> found = find_all(text, parse_special);
  // The reference's order: longer tokens first, and each from left to right.
  std::sort(found.begin(), found.end(), [](const Occurrence& a, const Occurrence& b) {
    return std::tie(b.length, a.token, a.begin) < std::tie(a.length, b.token, b.begin);
  });
  FreeText free(text.size());
  std::vector<Occurrence> taken;
  for (const Occurrence& o : found)
    if (free.take(text, o.begin, o.begin + o.length, vocabulary_.has(o.token, kLeftStrip),
                  vocabulary_.has(o.token, kRightStrip)))
      taken.push_back(o);
  std::sort(taken.begin(), taken.end(),
            [](const Occurrence& a, const Occurrence& b) { return a.begin < b.begin; });

  std::vector<Fragment> fragments;
  auto span = free.spans().begin();
  const auto add_texts_before = [&](std::size_t limit) {
    for (; span != free.spans().end() && span->first < limit; ++span)
      fragments.push_back({kNoToken, text.substr(span->first, span->second - span->first)});
  };
  for (const Occurrence& o : taken) {
    add_texts_before(o.begin);
    fragments.push_back({o.token, {}});
  }
  add_texts_before(text.size());
  return fragments;
}

}  // namespace llm
